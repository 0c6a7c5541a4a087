//! Defaults that differ by the kind of directory: what its schema calls things.
//!
//! Beside `keys`, which has what holds otherwise. `config/example.toml` names each, and a test compares.

/// A default for one kind of directory.
pub struct Preset {
    /// Full name of the key.
    pub path: &'static str,
    /// For which `kind`.
    pub kind: &'static str,
    /// What holds then, in TOML.
    pub default: &'static str,
}

/// Every one of them.
pub const PRESETS: &[Preset] = &[
    active_directory("directory.id_attribute", r#""objectGUID""#),
    active_directory("directory.people.object_classes", r#"["user"]"#),
    active_directory("directory.people.login", r#""sAMAccountName""#),
    active_directory("directory.people.display_name", r#""displayName""#),
    active_directory("directory.people.employee_id", r#""employeeID""#),
    active_directory("directory.groups.object_classes", r#"["group"]"#),
    active_directory("directory.groups.name", r#""sAMAccountName""#),
    active_directory("directory.groups.member_dn", r#"["member"]"#),
    active_directory("directory.groups.member_login", "[]"),
    active_directory("directory.machines.object_classes", r#"["computer"]"#),
    Preset { path: "directory.id_attribute", kind: "389-ds", default: r#""nsUniqueId""# },
];

const fn active_directory(path: &'static str, default: &'static str) -> Preset {
    Preset { path, kind: "active-directory", default }
}

/// What holds for `path` in a directory of this kind, if it differs.
pub(super) fn find(path: &str, kind: &str) -> Option<&'static str> {
    PRESETS.iter().find(|preset| preset.path == path && preset.kind == kind).map(|preset| preset.default)
}

#[cfg(test)]
mod tests {
    use super::super::{keys, raw};
    use super::*;

    #[test]
    fn every_preset_is_of_a_key_that_has_a_default() {
        for preset in PRESETS {
            let key = keys::find(preset.path).unwrap();
            assert!(
                matches!(key.presence, keys::Presence::Default(other) if other != preset.default),
                "{}",
                preset.path
            );
            assert!(raw::parse_value(preset.default).is_some(), "{}", preset.path);
        }
    }
}
