//! An export of the store while the daemon runs.

use std::fs::File;
use std::io::{BufWriter, Write as _};

use super::{Admin, AdminError};
use crate::audit::Outcome;
use crate::gate::Authorized;
use crate::store::export;
use crate::sync::SyncError;

impl Admin {
    /// Writes everything, history and log included, to an unnamed work file. Blocks, and commits wait meanwhile: about a
    /// second for 100,000 people.
    ///
    /// # Errors
    /// When the store cannot be read or the work file cannot be written.
    pub fn export(&self, asked: Authorized) -> Result<File, AdminError> {
        let now = self.now();
        let written = self.export_to_file();
        let outcome = match &written {
            Ok((_, rows)) => Outcome::success().with("rows", *rows),
            Err(error) => Outcome::failed("NotExported", error),
        };
        asked.complete(&outcome, now);
        Ok(written?.0)
    }

    fn export_to_file(&self) -> Result<(File, u64), AdminError> {
        let work = |why: std::io::Error| AdminError::from(SyncError::from(why));
        std::fs::create_dir_all(&self.work).map_err(work)?;
        let mut file = BufWriter::new(tempfile::tempfile_in(&self.work).map_err(work)?);
        let trailer = export::export(&self.store, &mut file, self.now())?;
        file.flush().map_err(work)?;
        let file = file.into_inner().map_err(|why| work(why.into_error()))?;
        Ok((file, trailer.rows))
    }
}
