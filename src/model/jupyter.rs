//! Jupyter Servers: their addresses, what they have, and which kernel a person chose for which notebook.
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::kernel::{InterruptMode, KernelSpec, Origin, Remote};
use crate::base::{Error, Result};

/// Kind of a `[connections.NAME]` table that is a Jupyter Server.
pub const KIND: &str = "jupyter";

/// MIME type of a mark where output is missing; its text stands beside it as `text/plain`.
pub const GAP_MIME: &str = "application/vnd.andon.gap+json";

/// The oldest classic server (package `notebook`) that is spoken with; it brought tokens in the header.
const OLDEST: u32 = 5;

/// A Jupyter Server somebody added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    pub name: String,
    /// As [`Address::parse`] gives it: no token, one slash at the end.
    pub url: String,
    /// It stands in andon.toml, so that everybody who works in the folder has it.
    pub shared: bool,
}

impl Server {
    /// Reads the table `connections` of andon.toml or of the settings; what is no Jupyter Server is passed over.
    pub fn all(connections: &toml::Table, shared: bool) -> (Vec<Self>, Vec<String>) {
        let (mut servers, mut problems) = (Vec::new(), Vec::new());
        for (name, value) in connections {
            let text = |key: &str| value.get(key).and_then(toml::Value::as_str);
            if text("kind") != Some(KIND) {
                continue;
            }
            match text("url").map(Address::parse) {
                Some(Ok(address)) => {
                    if address.token.is_some() {
                        problems
                            .push(format!("connections.{name}: a token does not belong into a file; it is not used"));
                    }
                    servers.push(Self { name: name.clone(), url: address.url, shared });
                }
                Some(Err(e)) => problems.push(format!("connections.{name}: {e}")),
                None => problems.push(format!("connections.{name}: a Jupyter server needs a url")),
            }
        }
        (servers, problems)
    }
    /// Name its token is kept under. It holds the whole address: another server of the same name never gets the token.
    pub fn secret_of(url: &str) -> String {
        format!("jupyter {}", url.trim_end_matches('/'))
    }
}

/// An address as a person types or pastes it, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Scheme, host and base path, with one slash at the end; never a token.
    pub url: String,
    /// The token the address carried.
    pub token: Option<String>,
}

impl Address {
    /// Takes what a browser's address bar or `jupyter server list` shows, too: `http://host:8888/lab?token=abc`.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |why: &str| {
            Error::user(format!("{} is no address of a Jupyter server", crate::base::text::shorten(text.trim(), 60)))
                .because_of(why)
                .hint("It looks like http://127.0.0.1:8888/ or https://hub.example.org/user/me/")
        };
        let text = text.trim();
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
            None => ("http".to_owned(), text),
        };
        let scheme = match scheme.as_str() {
            "http" | "ws" => "http",
            "https" | "wss" => "https",
            other => return Err(bad(&format!("{other} is neither http nor https"))),
        };
        let (rest, _) = rest.split_once('#').unwrap_or((rest, ""));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        // A name and password before the host would be shown and logged with it.
        let host = host.rsplit_once('@').map_or(host, |(_, h)| h).to_ascii_lowercase();
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(bad("there is no host in it"));
        }
        if let Some(port) = host.rsplit_once(':').map(|(_, p)| p).filter(|p| !p.ends_with(']'))
            && port.parse::<u16>().is_err()
        {
            return Err(bad(&format!("{port} is no port")));
        }
        let token = query.split('&').find_map(|p| p.strip_prefix("token=")).filter(|t| !t.is_empty());
        Ok(Self { url: format!("{scheme}://{host}/{}", base_path(path)), token: token.map(decoded) })
    }
    /// A short name for it: its host.
    pub fn name(&self) -> String {
        let host = self.url.split_once("://").map_or("", |(_, rest)| rest).split('/').next().unwrap_or_default();
        let host = host.strip_prefix("127.0.0.1:").map_or(host.to_owned(), |port| format!("local-{port}"));
        host.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect()
    }
    /// True where nothing leaves this machine.
    pub fn is_loopback(url: &str) -> bool {
        let host = url.split_once("://").map_or("", |(_, rest)| rest).split('/').next().unwrap_or_default();
        let host = host.rsplit_once(':').filter(|(_, p)| p.parse::<u16>().is_ok()).map_or(host, |(h, _)| h);
        let parts: Vec<&str> = host.split('.').collect();
        let in_127 = parts.len() == 4 && parts.first() == Some(&"127") && parts.iter().all(|p| p.parse::<u8>().is_ok());
        in_127 || host == "localhost" || host == "[::1]"
    }
}

/// The base path without the pages that a browser shows below it.
fn base_path(path: &str) -> String {
    let pages = ["lab", "tree", "notebooks", "login", "api", "edit", "hub", "retro", "nbclassic", "terminals", "files"];
    let parts = path.split('/').filter(|p| !p.is_empty());
    let kept: Vec<&str> = parts.take_while(|p| !pages.contains(p)).collect();
    kept.iter().map(|p| format!("{p}/")).collect()
}

fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        let mut ahead = bytes.clone();
        let mut digit = || ahead.next().and_then(|c| (c as char).to_digit(16));
        let pair = if b == b'%' { digit().zip(digit()).map(|(high, low)| (high * 16 + low) as u8) } else { None };
        match pair {
            Some(value) => {
                out.push(value);
                bytes.next();
                bytes.next();
            }
            None => out.push(b),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A kernel that runs on a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    pub id: String,
    /// Name of its kernelspec.
    pub name: String,
    /// The notebook or console it was started for, where the server knows.
    pub title: Option<String>,
    /// `idle`, `busy`, `starting`, `dead`.
    pub state: String,
    pub last_activity: Option<Timestamp>,
    /// Front ends that are connected to it.
    pub connections: u64,
}

/// What a server has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Listing {
    pub url: String,
    /// Version of the server's package.
    pub version: String,
    /// What can be started, the server's own default first.
    pub specs: Vec<KernelSpec>,
    /// What runs, the last used first.
    pub running: Vec<Running>,
}

impl Listing {
    /// Reads the answers of `/api/kernelspecs`, `/api/kernels` and `/api/sessions`. Entries that are not as they should
    /// be are passed over.
    pub fn read(
        url: &str,
        version: &str,
        specs: &serde_json::Value,
        kernels: &serde_json::Value,
        sessions: &serde_json::Value,
    ) -> Self {
        let text = |v: &serde_json::Value, at: &str| v.pointer(at).and_then(|v| v.as_str()).map(str::to_owned);
        let default = text(specs, "/default").unwrap_or_default();
        let mut all: Vec<KernelSpec> = Vec::new();
        for (name, entry) in specs.get("kernelspecs").and_then(|v| v.as_object()).into_iter().flatten() {
            let Some(spec) = entry.get("spec") else { continue };
            all.push(remote_spec(
                url,
                name,
                text(spec, "/display_name").filter(|d| !d.is_empty()).as_deref().unwrap_or(name),
                text(spec, "/language").unwrap_or_default().as_str(),
                None,
            ));
        }
        all.sort_by_key(|s| (s.name != default, s.display_name.to_lowercase()));
        let titles: BTreeMap<String, String> = sessions
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|s| {
                let title = text(s, "/name").filter(|n| !n.is_empty()).or_else(|| text(s, "/path"))?;
                Some((text(s, "/kernel/id")?, title))
            })
            .collect();
        let mut running: Vec<Running> = kernels
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|k| {
                let id = text(k, "/id")?;
                Some(Running {
                    name: text(k, "/name").unwrap_or_default(),
                    title: titles.get(&id).cloned(),
                    state: text(k, "/execution_state").unwrap_or_else(|| "unknown".to_owned()),
                    last_activity: text(k, "/last_activity").and_then(|t| t.parse().ok()),
                    connections: k.get("connections").and_then(serde_json::Value::as_u64).unwrap_or(0),
                    id,
                })
            })
            .collect();
        running.sort_by_key(|r| std::cmp::Reverse(r.last_activity));
        Self { url: url.to_owned(), version: version.to_owned(), specs: all, running }
    }
    /// The kernel to be attached to, as something that can be chosen.
    pub fn attach(&self, running: &Running) -> KernelSpec {
        let spec = self.specs.iter().find(|s| s.name == running.name);
        let display = spec.map_or(running.name.as_str(), |s| s.display_name.as_str());
        let language = spec.map_or("", |s| s.language.as_str());
        remote_spec(&self.url, &running.name, display, language, Some(running.id.clone()))
    }
}

/// Why a server of this version cannot be spoken with; none when it can.
pub fn too_old(version: &str) -> Option<String> {
    let major: u32 = version.split('.').next()?.parse().ok()?;
    // jupyter_server counts from 0, the classic `notebook` before it went from 4 to 6.
    (major == OLDEST - 1 || major == OLDEST - 2)
        .then(|| format!("its version is {version}, from before tokens could be sent in a header"))
}

/// A kernel of a server as it can be chosen.
pub fn remote_spec(url: &str, name: &str, display: &str, language: &str, kernel: Option<String>) -> KernelSpec {
    let id = match &kernel {
        Some(kernel) => format!("{KIND}|{url}|{name}|{kernel}"),
        None => format!("{KIND}|{url}|{name}"),
    };
    KernelSpec {
        id,
        name: name.to_owned(),
        display_name: display.to_owned(),
        language: language.to_owned(),
        argv: Vec::new(),
        env: BTreeMap::new(),
        interrupt: InterruptMode::Message,
        origin: Origin::Server,
        version: None,
        python: None,
        resource_dir: None,
        remote: Some(Remote { server: url.to_owned(), kernel, or_start: false, label: String::new() }),
    }
}

/// Which kernel somebody chose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Id of the kernel.
    pub id: String,
    /// What it was called then, for when it is gone.
    pub name: String,
    #[serde(default)]
    pub language: String,
}

impl Choice {
    /// Of a kernel.
    pub fn of(spec: &KernelSpec) -> Self {
        Self { id: spec.id.clone(), name: spec.display_name.clone(), language: spec.language.clone() }
    }
    /// The kernel of a server that was chosen; none for one of this machine. One that runs no more is started anew.
    pub fn remote(&self) -> Option<KernelSpec> {
        let mut parts = self.id.split('|');
        if parts.next() != Some(KIND) {
            return None;
        }
        let (url, name, kernel) = (parts.next()?, parts.next()?, parts.next());
        let mut spec = remote_spec(url, name, &self.name, &self.language, kernel.map(str::to_owned));
        if let Some(remote) = &mut spec.remote {
            remote.or_start = true;
        }
        Some(spec)
    }
}

/// What was chosen in a workspace, kept in `.andon/kernels.toml`. The notebooks' own files are not touched by it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Choices {
    /// For every notebook that has no choice of its own.
    pub workspace: Option<Choice>,
    /// By path of the notebook.
    pub notebooks: BTreeMap<String, Choice>,
}

impl Choices {
    /// What counts for a notebook of this language. The workspace's choice holds for its own language alone.
    pub fn of(&self, path: &str, language: Option<&str>) -> Option<&Choice> {
        let fits = |c: &&Choice| language.is_none_or(|l| c.language.is_empty() || l.eq_ignore_ascii_case(&c.language));
        self.notebooks.get(path).or_else(|| self.workspace.as_ref().filter(fits))
    }
    /// True when nothing was chosen.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(text: &str) -> (String, Option<String>) {
        let a = Address::parse(text).unwrap();
        (a.url, a.token)
    }

    #[test]
    fn what_an_address_bar_shows_becomes_an_address_and_a_token() {
        let token = |t: &str| Some(t.to_owned());
        assert_eq!(parsed("http://127.0.0.1:8888/lab?token=a%2Bb"), ("http://127.0.0.1:8888/".into(), token("a+b")));
        assert_eq!(parsed("https://Hub.org/user/me/lab/tree/x.ipynb#top"), ("https://hub.org/user/me/".into(), None));
        assert_eq!(parsed("localhost:8888"), ("http://localhost:8888/".into(), None));
        assert_eq!(parsed(" wss://me:secret@h/a//?token=%zz "), ("https://h/a/".into(), token("%zz")));
        for bad in ["", "ftp://x/", "http://", "http://a b/", "http://h:99999/", "http://h:x/"] {
            let e = Address::parse(bad).unwrap_err();
            assert!(e.hint.is_some(), "{bad}: {e}");
        }
        assert!(Address::is_loopback("http://127.0.0.1:8888/") && Address::is_loopback("http://[::1]:8888/"));
        assert!(!Address::is_loopback("http://127.evil.example:80/x"));
        assert_eq!(Address::parse("http://127.0.0.1:8888").unwrap().name(), "local-8888");
    }

    #[test]
    fn servers_are_read_from_connections_without_tokens() {
        let table: toml::Table = "[gpu]\nkind='jupyter'\nurl='https://gpu.lab/?token=x'\n[pg]\nkind='postgres'\n\
            [bad]\nkind='jupyter'\n[worse]\nkind='jupyter'\nurl='ftp://x'"
            .parse()
            .unwrap();
        let (servers, problems) = Server::all(&table, true);
        assert_eq!(servers, [Server { name: "gpu".into(), url: "https://gpu.lab/".into(), shared: true }]);
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems.iter().any(|p| p.contains("does not belong into a file")));
        assert_ne!(Server::secret_of("https://gpu.lab/"), Server::secret_of("http://gpu.lab/"));
    }

    #[test]
    fn a_listing_passes_over_what_is_broken_and_names_what_runs() {
        let specs = json!({"default": "python3", "kernelspecs": {
            "ir": {"spec": {"display_name": "R", "language": "R"}},
            "python3": {"spec": {"display_name": "Python 3", "language": "python"}},
            "odd": 7,
        }});
        let kernels = json!([
            {"id": "k1", "name": "python3", "execution_state": "idle", "connections": 2,
             "last_activity": "2026-01-02T03:04:05.000000Z"},
            {"name": "no id"}, 3,
        ]);
        let sessions = json!([{"name": "train.ipynb", "path": "x", "kernel": {"id": "k1"}}, {}]);
        let l = Listing::read("http://h/", "2.21.1", &specs, &kernels, &sessions);
        assert_eq!(l.specs.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["python3", "ir"]);
        assert_eq!(l.running.len(), 1);
        assert_eq!(l.running[0].title.as_deref(), Some("train.ipynb"));
        let spec = l.attach(&l.running[0]);
        let again = Choice::of(&spec).remote().unwrap();
        assert_eq!(again.remote.as_ref().unwrap().kernel.as_deref(), Some("k1"));
        assert!(again.remote.unwrap().or_start && !spec.remote.unwrap().or_start);
        assert!(
            Choice { id: "/usr/bin/python3".into(), name: String::new(), language: String::new() }.remote().is_none()
        );
    }

    #[test]
    fn old_servers_are_known_by_their_version() {
        assert!(too_old("4.2.0").is_some());
        assert!([too_old("5.7.8"), too_old("6.5.4"), too_old("2.21.1"), too_old("1.24.0")].iter().all(Option::is_none));
    }

    #[test]
    fn the_workspaces_choice_holds_for_its_language_where_a_notebook_has_none() {
        let choice = |id: &str, language: &str| Choice { id: id.into(), name: id.into(), language: language.into() };
        let mut all = Choices { workspace: Some(choice("w", "python")), ..Choices::default() };
        all.notebooks.insert("a.ipynb".into(), choice("own", "R"));
        assert_eq!(all.of("a.ipynb", Some("python")).unwrap().id, "own");
        assert_eq!(all.of("b.ipynb", Some("python")).unwrap().id, "w");
        assert!(all.of("b.ipynb", Some("R")).is_none());
        let text = toml::to_string(&all).unwrap();
        assert_eq!(toml::from_str::<Choices>(&text).unwrap(), all);
    }
}
