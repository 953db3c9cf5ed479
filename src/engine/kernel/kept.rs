//! Kernels that outlive the window, as the window sees them.
use std::path::PathBuf;

use super::{Past, Plan, Session, SessionEvent, Sink};

/// Where a kernel is kept.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The workspace.
    pub root: PathBuf,
    /// The notebook, relative to it.
    pub notebook: String,
}

/// Takes in an execution that this window did not ask for, and says where its events go. The flag: it ran in the
/// kernel's present process.
pub type Adopt = dyn Fn(&Past, bool) -> Option<Sink> + Send + Sync;

/// Who hears of a kernel that is kept.
pub struct News {
    pub notify: Box<dyn Fn(SessionEvent) + Send + Sync>,
    pub adopt: Box<Adopt>,
}

impl std::fmt::Debug for News {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("News").finish_non_exhaustive()
    }
}

/// A kernel that was found again.
#[derive(Debug)]
pub struct Attachment {
    pub session: Session,
    /// What ran before this window came, oldest first.
    pub past: Vec<Past>,
    /// What still waits.
    pub plan: Plan,
    /// False where another window runs its cells.
    pub drives: bool,
}
