//! The route that hands out an export of the store while the daemon runs.
//!
//! The export is finished in a work file before its first byte goes out: it is one moment of the store, and a reader
//! that is slow holds up nobody.

use std::io::{Seek as _, SeekFrom};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use futures_util::stream;
use hyper::header::CONTENT_TYPE;
use tokio::io::AsyncReadExt as _;

use super::extract::Asked;
use super::v1::Routes;
use super::{App, Failure};
use crate::gate::Operation;

/// Adds this route.
pub(super) fn add(routes: Routes) -> Routes {
    routes.get("/v1/store/export", Operation::ExportStore, export)
}

/// Bytes read from the work file at a time.
const PIECE: usize = 64 << 10;

async fn export(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, Failure> {
    let allowed = asked.authorize("").await?;
    let admin = app.admin.clone();
    let mut file = app.store.run(move |_| admin.export(allowed)).await?;
    file.seek(SeekFrom::Start(0)).map_err(|why| Failure::bug(&why.to_string()))?;
    let pieces = stream::unfold(tokio::fs::File::from_std(file), async |mut file| {
        let mut piece = vec![0; PIECE];
        match file.read(&mut piece).await {
            Ok(0) => None,
            Ok(length) => {
                piece.truncate(length);
                Some((Ok(piece), file))
            }
            Err(why) => Some((Err(why), file)),
        }
    });
    Response::builder()
        .header(CONTENT_TYPE, "application/x-ndjson")
        .body(Body::from_stream(pieces))
        .map_err(|why| Failure::bug(&why.to_string()))
}
