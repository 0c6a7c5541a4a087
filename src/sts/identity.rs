//! Who one is, which needs no permission, and which account an access key belongs to.

use super::{Action, Sts, nothing_in_particular, sts};
use crate::gate::Operation as Op;
use crate::model::AccessKeyId;
use crate::query::answer::text;
use crate::query::reads;
use crate::store::{credentials, sessions};

pub(super) const ACTIONS: &[Action] = &[
    sts("GetAccessKeyInfo", Op::GetAccessKeyInfo, nothing_in_particular, |params| {
        let key = params.parsed_required::<AccessKeyId>("AccessKeyId")?;
        reads(move |sts: &Sts, _| {
            let found = sts.admin.store.read(|snapshot| {
                if let Some(session) = sessions::by_key(snapshot, &key)? {
                    return Ok(Some(session.value.account));
                }
                Ok(credentials::access_key(snapshot, &key)?.map(|_| sts.admin.account.clone()))
            });
            let account = found.map_err(crate::admin::AdminError::Store)?;
            let account =
                account.ok_or_else(|| crate::admin::AdminError::NoSuch { what: format!("access key {key}") })?;
            Ok(vec![text("Account", account.to_string())])
        })
    }),
    sts("GetCallerIdentity", Op::GetCallerIdentity, nothing_in_particular, |_| {
        reads(|sts: &Sts, asked| {
            let signed = asked.caller().signed();
            let (id, arn) = signed.map(|signed| (signed.unique_id(), signed.arn().to_string())).unwrap_or_default();
            let account = signed.map_or(&sts.admin.account, |signed| signed.account());
            Ok(vec![text("UserId", id), text("Account", account.to_string()), text("Arn", arn)])
        })
    }),
];
