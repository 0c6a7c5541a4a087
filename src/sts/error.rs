//! Why no session began, in the words of STS.

use crate::issue::IssueError;
use crate::query::QueryError;
use crate::store::StoreError;

impl From<IssueError> for QueryError {
    fn from(error: IssueError) -> Self {
        if let IssueError::Store(StoreError::Full { .. }) = error {
            return Self::not_written(&error);
        }
        let status = match &error {
            IssueError::Nobody | IssueError::NotYours(_) | IssueError::NoTimeLeft(_) | IssueError::Nameless { .. } => {
                403
            }
            IssueError::TooLong(_)
            | IssueError::NoToken(_)
            | IssueError::NoSuchPolicy { .. }
            | IssueError::ShownBefore => 400,
            IssueError::Keys(_) | IssueError::Clock(_) | IssueError::Stale(_) => 503,
            IssueError::Store(_) => 500,
        };
        Self::of(&error, status, error.code())
    }
}
