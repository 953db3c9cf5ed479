//! Who commits here and where the repository came from.
use super::Repo;

impl Repo {
    /// `Mara Okafor <mara@example.org>`; none when git knows no name.
    pub fn signature(&self) -> Option<String> {
        let signature = self.git.signature().ok()?;
        Some(format!("{} <{}>", signature.name().unwrap_or_default(), signature.email().unwrap_or_default()))
    }
    /// Address of the remote `origin`.
    pub fn origin(&self) -> Option<String> {
        self.git.find_remote("origin").ok()?.url().map(str::to_owned).ok()
    }
}
