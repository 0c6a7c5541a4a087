//! The audit log by question: one record a line, oldest first.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use futures_util::TryStreamExt as _;
use futures_util::stream::{self, try_unfold};

use super::extract::{Asked, Params};
use super::v1::Routes;
use super::{App, Failure, ndjson};
use crate::admin::records::Wanted;
use crate::audit::query::{Filter, behind, page};
use crate::audit::{self, Outcome};
use crate::gate::Operation;
use crate::store::{Store, StoreError};

pub(super) fn add(routes: Routes) -> Routes {
    routes.get("/v1/audit/query", Operation::QueryAudit, query)
}

async fn query(State(app): State<Arc<App>>, asked: Asked, Params(wanted): Params<Wanted>) -> Result<Response, Failure> {
    let authorized = asked.authorize("").await?;
    let (admin, now) = (app.admin.clone(), app.clock.now());
    let prepared = app.store.run(move |store| {
        let filter = admin.records_about(&wanted);
        let outcome = match &filter {
            Ok(_) => Outcome::success(),
            Err(error) => Outcome::failed(error.code(), error),
        };
        // Showing is the effect: recorded before the first line is out.
        authorized.complete(&outcome, now);
        let filter = filter?;
        let newest = store.read(audit::chain::head)?.seq;
        let from = filter.since.map_or(Ok(0), |since| behind(store, since, newest))?;
        Ok::<_, crate::admin::AdminError>((filter, from, newest))
    });
    let (filter, from, newest) = prepared.await?;
    Ok(ndjson::lines(found(app.store.clone(), filter, from, newest), app.draining.clone()))
}

/// The records that are meant behind `from`, up to the one that was newest when it was asked.
fn found(
    store: Store,
    filter: Filter,
    from: u64,
    newest: u64,
) -> impl futures_util::Stream<Item = Result<String, Failure>> + Send {
    let pages = try_unfold((store, Arc::new(filter), Some(from)), move |(store, filter, at)| async move {
        let Some(at) = at.filter(|at| *at < newest) else { return Ok::<_, StoreError>(None) };
        let asked = Arc::clone(&filter);
        let (lines, next) = store.run(move |store| page(store, &asked, at)).await?;
        let lines = lines.into_iter().filter(|line| line.seq <= newest).map(|line| Ok::<_, StoreError>(line.json));
        Ok(Some((stream::iter(lines.collect::<Vec<_>>()), (store, filter, next))))
    });
    pages.try_flatten().map_err(Failure::from)
}
