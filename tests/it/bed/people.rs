//! People and groups as a sync would have written them: made up, active and in no group. What a test is about, it changes.

use std::collections::BTreeMap;

use bailey::base::Guid;
use bailey::model::{DirectoryLabel, Entity, Group, Origin, Standing, User, origin};
use bailey::store::{Commit, rows, schema};

/// Somebody of a directory.
pub(crate) fn user(label: &DirectoryLabel, guid: Guid, name: &str) -> User {
    User {
        id: origin::user_id(label, &guid),
        name: name.parse().unwrap(),
        path: "/".parse().unwrap(),
        login: name.to_owned(),
        origin: Origin::new(label.clone(), guid, format!("uid={name}")),
        standing: Standing::default(),
        display_name: None,
        mail: None,
        employee_id: None,
        primary_group: None,
        password_changed: None,
        must_change_password: false,
        tags: BTreeMap::new(),
        manager_reference: None,
        manager: None,
    }
}

/// A group of a directory.
pub(crate) fn group(label: &DirectoryLabel, guid: Guid, name: &str) -> Group {
    Group {
        id: origin::group_id(label, &guid),
        name: name.parse().unwrap(),
        path: "/".parse().unwrap(),
        original_name: name.to_owned(),
        origin: Origin::new(label.clone(), guid, format!("cn={name}")),
        standing: Standing::default(),
        description: None,
        scope: None,
        security: false,
    }
}

/// Writes one of them, and that the name is taken.
pub(crate) fn put(commit: &mut Commit, entity: &Entity) {
    let member = entity.member();
    commit.put(schema::name(member.kind(), &entity.name().folded()), member.id_bytes().to_vec());
    commit.put(schema::entity(&member), rows::encode(&rows::NO_DIGEST, &serde_json::to_vec(entity).unwrap()));
}
