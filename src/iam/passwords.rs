//! Actions on passwords of local users and the rules for them.

use super::answer::{flag, nodes, text, time};
use super::{About, Action, Job, Node, Params, QueryError, changes, iam, myself, nothing, reads, user, user_or_self};
use crate::admin::iam::passwords::{LoginProfileView, NewPassword};
use crate::authn::signed::Signed;
use crate::gate::{Asking, Operation as Op};
use crate::model::PasswordPolicy;
use crate::model::password_policy::{AGE_BOUNDS, LENGTH_BOUNDS, REUSE_BOUNDS};

pub(super) const ACTIONS: &[Action] = &[
    iam("ChangePassword", Op::ChangePassword, oneself, change),
    iam("CreateLoginProfile", Op::CreateLoginProfile, user_or_self, create),
    iam("DeleteAccountPasswordPolicy", Op::DeleteAccountPasswordPolicy, super::account, |_| {
        changes(|admin, asked| nothing(admin.delete_password_policy(asked)))
    }),
    iam("DeleteLoginProfile", Op::DeleteLoginProfile, user_or_self, |_| {
        changes(|admin, asked| nothing(admin.delete_login_profile(asked)))
    }),
    iam("GetAccountPasswordPolicy", Op::GetAccountPasswordPolicy, super::account, get_policy),
    iam("GetLoginProfile", Op::GetLoginProfile, user_or_self, get),
    iam("UpdateAccountPasswordPolicy", Op::UpdateAccountPasswordPolicy, super::account, update_policy),
    iam("UpdateLoginProfile", Op::UpdateLoginProfile, user, update),
];

fn fields(profile: &LoginProfileView) -> Vec<Node> {
    vec![
        text("UserName", &profile.user),
        time("CreateDate", profile.changed),
        flag("PasswordResetRequired", profile.must_change),
    ]
}

/// It is about whoever asks, whatever else is said.
fn oneself(_: &Params, signed: &Signed) -> About {
    Ok((myself(signed)?, Asking::default()))
}

fn change(params: &Params) -> Result<Job, QueryError> {
    let (old, new) = (params.secret("OldPassword")?, params.secret("NewPassword")?);
    changes(move |admin, asked| nothing(admin.change_password(asked, &old, new)))
}

fn create(params: &Params) -> Result<Job, QueryError> {
    let new = NewPassword { password: params.secret("Password")?, must_change: params.flag("PasswordResetRequired")? };
    changes(move |admin, asked| Ok(vec![nodes("LoginProfile", fields(&admin.create_login_profile(asked, &new)?))]))
}

fn update(params: &Params) -> Result<Job, QueryError> {
    let must_change = params.flag("PasswordResetRequired")?;
    if params.text("Password").is_none() {
        return changes(move |admin, asked| nothing(admin.demand_change(asked, must_change)));
    }
    let new = NewPassword { password: params.secret("Password")?, must_change };
    changes(move |admin, asked| nothing(admin.update_login_profile(asked, &new)))
}

fn get(_: &Params) -> Result<Job, QueryError> {
    reads(|admin, asked| Ok(vec![nodes("LoginProfile", fields(&admin.login_profile(asked)?))]))
}

fn get_policy(_: &Params) -> Result<Job, QueryError> {
    reads(|admin, asked| {
        let (policy, set) = admin.password_policy(asked)?;
        if !set {
            // What is not set is not there, to SDKs; what holds then is the default of NIST SP 800-63B.
            let usual = "the usual rules hold; `bailey account password-policy` shows them";
            return Err(QueryError::new(
                404,
                "NoSuchEntity",
                format!("there is no password policy of this account: {usual}"),
            ));
        }
        let mut fields = vec![
            text("MinimumPasswordLength", policy.minimum_length.to_string()),
            flag("RequireSymbols", policy.require_symbols),
            flag("RequireNumbers", policy.require_numbers),
            flag("RequireUppercaseCharacters", policy.require_uppercase),
            flag("RequireLowercaseCharacters", policy.require_lowercase),
            flag("AllowUsersToChangePassword", policy.allow_users_to_change),
            flag("ExpirePasswords", policy.max_age_days.is_some()),
        ];
        fields.extend(policy.max_age_days.map(|days| text("MaxPasswordAge", days.to_string())));
        fields.extend(policy.reuse_prevention.map(|count| text("PasswordReusePrevention", count.to_string())));
        fields.push(flag("HardExpiry", policy.hard_expiry));
        Ok(vec![nodes("PasswordPolicy", fields)])
    })
}

/// What is left out goes back to the default of the API, as in AWS; the company's words, which it does not know, stay.
fn update_policy(params: &Params) -> Result<Job, QueryError> {
    let flag = |name| params.flag(name).map(|flag| flag.unwrap_or(false));
    let new = PasswordPolicy {
        minimum_length: params.number("MinimumPasswordLength", LENGTH_BOUNDS)?.unwrap_or(*LENGTH_BOUNDS.start()),
        require_symbols: flag("RequireSymbols")?,
        require_numbers: flag("RequireNumbers")?,
        require_uppercase: flag("RequireUppercaseCharacters")?,
        require_lowercase: flag("RequireLowercaseCharacters")?,
        allow_users_to_change: flag("AllowUsersToChangePassword")?,
        max_age_days: params.number("MaxPasswordAge", AGE_BOUNDS)?,
        reuse_prevention: params.number("PasswordReusePrevention", REUSE_BOUNDS)?,
        hard_expiry: flag("HardExpiry")?,
        words: Vec::new(),
    };
    changes(move |admin, asked| nothing(admin.update_iam_password_policy(asked, new)))
}
