//! Actions on services: which policies grant one, and who used it when.

use super::answer::{flag, list, nodes, rest, text, time};
use super::params::invalid;
use super::{About, Action, Job, Node, Params, QueryError, iam, part, reads};
use crate::admin::iam::services::{Granting, Job as Worked, MOST_NAMESPACES, ServiceUse, UsedBy, is_namespace};
use crate::authn::signed::Signed;
use crate::gate::{Asking, Operation as Op};

pub(super) const ACTIONS: &[Action] = &[
    iam("GenerateServiceLastAccessedDetails", Op::GenerateServiceLastAccessedDetails, subject, generate),
    iam("GetServiceLastAccessedDetails", Op::GetServiceLastAccessedDetails, job, get),
    iam(
        "GetServiceLastAccessedDetailsWithEntities",
        Op::GetServiceLastAccessedDetailsWithEntities,
        job,
        get_with_entities,
    ),
    iam("ListPoliciesGrantingServiceAccess", Op::ListPoliciesGrantingServiceAccess, subject, granting),
];

/// It is about the thing with this ARN.
fn subject(params: &Params, _: &Signed) -> About {
    Ok((params.required("Arn")?.to_owned(), Asking::default()))
}

/// It is about a job.
fn job(params: &Params, _: &Signed) -> About {
    let notes = vec![("job", params.required("JobId")?.to_owned())];
    Ok((String::new(), notes.into()))
}

fn namespace(text: &str, name: &str) -> Result<String, QueryError> {
    if is_namespace(text) {
        return Ok(text.to_owned());
    }
    Err(invalid(Some(text), name, "Member must satisfy regular expression pattern: [\\w-]{1,64}"))
}

fn granting(params: &Params) -> Result<Job, QueryError> {
    const NAME: &str = "ServiceNamespaces";
    let asked_for = params.list(NAME)?;
    if asked_for.is_empty() || asked_for.len() > MOST_NAMESPACES {
        return Err(invalid(None, NAME, &format!("Member must have 1 to {MOST_NAMESPACES} members")));
    }
    let services = asked_for.into_iter().map(|text| namespace(text, NAME)).collect::<Result<Vec<_>, _>>()?;
    reads(move |admin, asked| {
        let found = admin.policies_granting(asked, &services)?;
        let each = found.iter().map(|granted| {
            vec![text("ServiceNamespace", &granted.service), list("Policies", granted.policies.iter().map(policy))]
        });
        Ok(vec![list("PoliciesGrantingServiceAccess", each), flag("IsTruncated", false)])
    })
}

fn policy(granting: &Granting) -> Vec<Node> {
    match granting {
        Granting::Managed { arn } => vec![
            text("PolicyName", arn.rsplit('/').next().unwrap_or_default()),
            text("PolicyType", "MANAGED"),
            text("PolicyArn", arn),
        ],
        Granting::Inline { name, kind, on } => vec![
            text("PolicyName", name),
            text("PolicyType", "INLINE"),
            text("EntityType", kind.to_ascii_uppercase()),
            text("EntityName", on),
        ],
    }
}

fn generate(params: &Params) -> Result<Job, QueryError> {
    let by_action = match params.text("Granularity") {
        None | Some("SERVICE_LEVEL") => false,
        Some("ACTION_LEVEL") => true,
        Some(other) => {
            let words = "Member must satisfy enum value set: [SERVICE_LEVEL, ACTION_LEVEL]";
            return Err(invalid(Some(other), "Granularity", words));
        }
    };
    reads(move |admin, asked| Ok(vec![text("JobId", admin.generate_last_accessed(asked, by_action)?)]))
}

/// What both answers say of a job. It was done by the call that asked for it.
fn of_job(worked: &Worked) -> Vec<Node> {
    vec![
        text("JobStatus", "COMPLETED"),
        time("JobCreationDate", worked.created),
        time("JobCompletionDate", worked.created),
    ]
}

fn get(params: &Params) -> Result<Job, QueryError> {
    let (id, paging) = (params.required("JobId")?.to_owned(), params.paging()?);
    reads(move |admin, asked| {
        let worked = admin.last_accessed(asked, &id)?;
        let mut answer = of_job(&worked);
        // That no action is tracked is what AWS says of most services; it is so of all of them here.
        answer.push(text("JobType", if worked.by_action { "ACTION_LEVEL" } else { "SERVICE_LEVEL" }));
        let (services, next) = part(worked.services.iter().collect(), &paging)?;
        answer.push(list("ServicesLastAccessed", services.into_iter().map(service)));
        answer.extend(rest(next));
        Ok(answer)
    })
}

fn service(service: &ServiceUse) -> Vec<Node> {
    let mut fields = vec![text("ServiceName", &service.name), text("ServiceNamespace", &service.namespace)];
    if let Some(last) = service.used_by.first() {
        fields.extend([
            time("LastAuthenticated", last.at),
            text("LastAuthenticatedEntity", &last.arn),
            text("LastAuthenticatedRegion", &last.region),
        ]);
    }
    fields.push(text("TotalAuthenticatedEntities", service.used_by.len().to_string()));
    fields
}

fn get_with_entities(params: &Params) -> Result<Job, QueryError> {
    let (id, paging) = (params.required("JobId")?.to_owned(), params.paging()?);
    let wanted = namespace(params.required("ServiceNamespace")?, "ServiceNamespace")?;
    reads(move |admin, asked| {
        let worked = admin.last_accessed(asked, &id)?;
        let (users, next) = part(worked.users_of(&wanted)?.iter().collect(), &paging)?;
        let mut answer = of_job(&worked);
        answer.push(list("EntityDetailsList", users.into_iter().map(entity)));
        answer.extend(rest(next));
        Ok(answer)
    })
}

fn entity(user: &UsedBy) -> Vec<Node> {
    let about = vec![
        text("Arn", &user.arn),
        text("Name", &user.name),
        text("Type", "USER"),
        text("Id", &user.id),
        text("Path", &user.path),
    ];
    vec![nodes("EntityInfo", about), time("LastAuthenticated", user.at)]
}
