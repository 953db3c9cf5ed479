//! What is typed about a connection, and what is wrong with it.
use std::fmt;

use crate::{
    base::{Error, Result},
    model::connect::{Connection, Environment, System, address, check_name},
};

/// A secret as it is being typed; never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Typed(pub String);

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "Typed()" } else { "Typed(****)" })
    }
}

/// How one signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum SignIn {
    #[default]
    Token,
    Password,
    None,
}

/// A part of the form as it was changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Name(String),
    Url(String),
    System(System),
    SignIn(SignIn),
    User(String),
    Secret(Typed),
    /// Another secret is given in place of the one that is kept.
    Replace,
    Environment(Environment),
    ReadOnly(bool),
    CaFile(String),
    Proxy(String),
    Shared(bool),
}

/// A connection being added or changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// The name it has now; none of a new one.
    pub was: Option<String>,
    pub name: String,
    pub url: String,
    /// None: it is found out from what answers.
    pub system: Option<System>,
    pub sign_in: SignIn,
    pub user: String,
    /// Empty: the secret that is kept stays.
    pub secret: Typed,
    /// A field for a secret is shown.
    pub replacing: bool,
    pub environment: Environment,
    pub read_only: bool,
    pub ca_file: String,
    pub proxy: String,
    /// In andon.toml, for everybody; else in the person's own settings.
    pub shared: bool,
    /// Something differs from what is written.
    pub changed: bool,
    pub detecting: bool,
    pub saving: bool,
    /// What is wrong, by field: name, url.
    pub problem: Option<(&'static str, Error)>,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            was: None,
            name: String::new(),
            url: String::new(),
            system: None,
            sign_in: SignIn::default(),
            user: String::new(),
            secret: Typed::default(),
            replacing: true,
            environment: Environment::None,
            read_only: false,
            ca_file: String::new(),
            proxy: String::new(),
            shared: true,
            changed: false,
            detecting: false,
            saving: false,
            problem: None,
        }
    }
}

fn given(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|t| !t.is_empty())
}

impl Form {
    /// As a connection is now.
    pub fn of(to: &Connection) -> Self {
        Self {
            was: Some(to.name.clone()),
            name: to.name.clone(),
            url: to.url.clone(),
            system: Some(to.system),
            replacing: false,
            environment: to.environment,
            read_only: to.read_only,
            ca_file: to.ca_file.clone().unwrap_or_default(),
            proxy: to.proxy.clone().unwrap_or_default(),
            shared: to.shared,
            ..Self::default()
        }
    }

    /// Takes what was changed.
    pub fn set(&mut self, part: Part) {
        self.changed = true;
        self.problem = None;
        match part {
            Part::Name(text) => self.name = text,
            Part::Url(text) => {
                // A system that was found out is that of the old address.
                if self.was.is_none() {
                    self.system = None;
                }
                self.url = text;
            }
            Part::System(system) => self.system = Some(system),
            Part::SignIn(how) => (self.sign_in, self.replacing) = (how, true),
            Part::User(text) => self.user = text,
            Part::Secret(text) => self.secret = text,
            Part::Replace => self.replacing = true,
            Part::Environment(label) => self.environment = label,
            Part::ReadOnly(on) => self.read_only = on,
            Part::CaFile(text) => self.ca_file = text,
            Part::Proxy(text) => self.proxy = text,
            Part::Shared(on) => self.shared = on,
        }
    }

    /// The certificate file, where one is given.
    pub fn ca_file(&self) -> Option<String> {
        given(&self.ca_file)
    }
    /// The proxy, where one is given.
    pub fn proxy(&self) -> Option<String> {
        given(&self.proxy)
    }

    /// The secret to keep; `Some(None)`: the one that is kept is forgotten; `None`: it stays.
    pub fn new_secret(&self) -> Option<Option<String>> {
        if !self.replacing {
            return None;
        }
        let secret = self.secret.0.trim();
        match self.sign_in {
            SignIn::None => Some(None),
            _ if secret.is_empty() => None,
            SignIn::Token => Some(Some(secret.to_owned())),
            SignIn::Password => Some(Some(format!("{}:{secret}", self.user.trim()))),
        }
    }

    /// What answered at the address.
    pub(super) fn detected(&mut self, url: &str, result: Result<System>) {
        if self.url != url {
            return;
        }
        self.detecting = false;
        match result {
            Ok(system) => {
                self.system = Some(system);
                self.problem = None;
                if self.name.trim().is_empty() {
                    system.name().clone_into(&mut self.name);
                }
            }
            Err(e) => self.problem = Some(("url", e)),
        }
    }

    /// The connection that the form describes; none with what is wrong noted.
    pub(super) fn connection(&mut self, taken: &[String]) -> Option<Connection> {
        match self.read(taken) {
            Ok(to) => Some(to),
            Err(problem) => {
                self.problem = Some(problem);
                None
            }
        }
    }

    fn read(&self, taken: &[String]) -> Result<Connection, (&'static str, Error)> {
        let name = self.name.trim();
        check_name(name).map_err(|e| ("name", e))?;
        if self.was.as_deref() != Some(name) && taken.iter().any(|t| t == name) {
            return Err((
                "name",
                Error::user(format!("There is a connection {name} already")).hint("Take another name"),
            ));
        }
        let system = self.system.ok_or_else(|| {
            ("url", Error::user("It is not known yet which system this is").hint("Find it out, or choose it"))
        })?;
        let url = address(&self.url, system).map_err(|e| ("url", e))?;
        if self.sign_in == SignIn::Password
            && self.replacing
            && !self.secret.0.is_empty()
            && given(&self.user).is_none()
        {
            return Err(("user", Error::user("The name to sign in with is missing")));
        }
        if self.user.contains(':') {
            return Err(("user", Error::user("A name to sign in with holds no colon")));
        }
        Ok(Connection {
            name: name.to_owned(),
            system,
            url,
            environment: self.environment,
            read_only: self.read_only,
            ca_file: self.ca_file(),
            proxy: self.proxy(),
            shared: self.shared,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> Form {
        let mut form = Form::default();
        form.set(Part::Url("https://airflow.example.org/dags".into()));
        form.detected("https://airflow.example.org/dags", Ok(System::Airflow));
        form
    }

    #[test]
    fn what_answers_names_the_connection() {
        let mut form = filled();
        assert_eq!(form.name, "airflow");
        let to = form.connection(&[]).unwrap();
        assert_eq!((to.name.as_str(), to.url.as_str(), to.shared), ("airflow", "https://airflow.example.org/", true));
        form.set(Part::Url("https://other.example.org".into()));
        assert_eq!(form.system, None, "another address may be another system");
        form.detected("https://airflow.example.org/dags", Ok(System::Airflow));
        assert_eq!(form.system, None, "an answer of the old address");
        assert!(form.connection(&[]).is_none());
        assert_eq!(form.problem.as_ref().map(|p| p.0), Some("url"));
    }

    #[test]
    fn a_name_that_is_taken_is_refused_but_its_own_is_not() {
        let mut form = filled();
        assert!(form.connection(&["airflow".to_owned()]).is_none());
        assert_eq!(form.problem.as_ref().map(|p| p.0), Some("name"));
        let to = filled().connection(&[]).unwrap();
        assert!(Form::of(&to).connection(&["airflow".to_owned()]).is_some());
    }

    #[test]
    fn a_secret_is_kept_until_another_is_given_and_is_never_printed() {
        let to = filled().connection(&[]).unwrap();
        let mut form = Form::of(&to);
        assert_eq!(form.new_secret(), None);
        form.set(Part::SignIn(SignIn::Password));
        form.set(Part::Secret(Typed("hunter2".into())));
        assert!(form.connection(&[]).is_none(), "without a name");
        form.set(Part::User("mara".into()));
        assert!(form.connection(&[]).is_some());
        assert_eq!(form.new_secret(), Some(Some("mara:hunter2".to_owned())));
        assert!(!format!("{form:?}").contains("hunter2"));
        form.set(Part::SignIn(SignIn::None));
        assert_eq!(form.new_secret(), Some(None));
    }
}
