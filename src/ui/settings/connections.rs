//! The connected systems: how each is; below, the form of the one that is selected and its test, right by right.
use egui::{Align, Frame, Label, Layout, Margin, Ui, vec2};

use super::sections::{note, table_head, table_row};
use crate::{
    app::connections::{Command, Form, News, Part, SignIn, Tested, Typed, all, untrusted},
    base::{Error, time},
    model::connect::{Connection, Environment, System},
    ui::{
        PageCx,
        theme::{Mark, Theme},
        widgets::{
            Btn, Row, combo, environment_tag, error_box, hair_x, mark, secret_field, section_head, segmented, spark,
            switch, text_field,
        },
    },
};

/// Shares of the columns, with room for what is between them: name, system, what it can do, last answer, how long it took, the last hour.
const WIDTHS: [f32; 6] = [0.20, 0.15, 0.23, 0.16, 0.09, 0.07];
/// Width of the names of fields.
const NAMES: f32 = 112.0;

/// The buttons of the page's head.
pub fn head_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    if Btn::new("Add connection\u{2026}").icon("plus").primary().show(ui, theme).clicked() {
        cx.send(Command::Add);
    }
    let reason = all(cx.state).is_empty().then_some("There is none yet");
    if Btn::new("Test all").icon("refresh-cw").quiet().disabled(reason).show(ui, theme).clicked() {
        cx.send(Command::TestAll);
    }
}

/// `5 answer, 1 does not`.
pub fn head_words(cx: &PageCx<'_>) -> String {
    let all = all(cx.state);
    let news = |c: &Connection| cx.state.connections.news.get(&c.name);
    let bad = all.iter().filter(|c| news(c).is_some_and(|n| n.health.failing.is_some())).count();
    let good =
        all.iter().filter(|c| news(c).is_some_and(|n| n.health.failing.is_none() && n.health.answered_at.is_some()));
    match (good.count(), bad) {
        (0, 0) => String::new(),
        (good, 0) => format!("{good} {}", if good == 1 { "answers" } else { "answer" }),
        (0, 1) => "it does not answer".to_owned(),
        (0, bad) => format!("none of {bad} answers"),
        (good, bad) => {
            let verb = |n: usize, one: &'static str, many: &'static str| if n == 1 { one } else { many };
            format!("{good} {}, {bad} {}", verb(good, "answers", "answer"), verb(bad, "does not", "do not"))
        }
    }
}

/// The table, and below it the form and the test.
pub fn connections_ui(ui: &mut Ui, cx: &mut PageCx<'_>) {
    let theme = cx.theme;
    ui.spacing_mut().item_spacing.y = 0.0;
    table_head(ui, theme, &WIDTHS, &["Name", "System", "Can do", "Last answer", "Took", "Last looks"]);
    for to in all(cx.state) {
        // The cells of a table have the same ids in each row.
        ui.push_id(("connection", &to.name), |ui| row_ui(ui, cx, &to));
    }
    ui.push_id("local runner", |ui| local_ui(ui, theme));
    let hidden = untrusted(cx.state);
    ui.add_space(8.0);
    if hidden > 0 {
        let words = crate::base::text::count(hidden as u64, "connection");
        let verb = if hidden == 1 { "it counts" } else { "they count" };
        note(ui, cx, &format!("andon.toml names {words}; {verb} once the folder is trusted"));
        ui.add_space(6.0);
        if Btn::new("Trust the folder\u{2026}").icon("shield").show(ui, theme).clicked() {
            cx.send(crate::app::workspace::Command::AskTrust(None));
        }
    } else if all(cx.state).is_empty() {
        note(
            ui,
            cx,
            "Add the systems that run your pipelines: their runs, logs and numbers come onto the pages of Andon, and what failed there can be rerun from here",
        );
    }
    let Some(form) = cx.state.connections.form.clone() else { return };
    ui.add_space(12.0);
    hair_x(ui, theme);
    let wide = ui.available_width() >= 900.0;
    if wide {
        ui.horizontal_top(|ui| {
            let left = ui.available_width() * 0.58;
            ui.allocate_ui_with_layout(vec2(left, 0.0), Layout::top_down(Align::Min), |ui| form_ui(ui, cx, &form));
            ui.add_space(16.0);
            ui.vertical(|ui| test_ui(ui, cx, &form));
        });
    } else {
        form_ui(ui, cx, &form);
        ui.add_space(8.0);
        test_ui(ui, cx, &form);
    }
}

fn row_ui(ui: &mut Ui, cx: &mut PageCx<'_>, to: &Connection) {
    let theme = cx.theme;
    let news = cx.state.connections.news.get(&to.name).cloned().unwrap_or_default();
    let selected = cx.state.connections.selected.as_ref() == Some(&to.name);
    let testing = cx.state.connections.testing.contains(&to.name);
    let state = state_of(&news, testing);
    let now = cx.now;
    let row = Row::new(&to.name).height(36.0).padding(0.0).rule(true).selected(selected).show(ui, theme, |ui| {
        table_row(ui, &WIDTHS, |ui, column| match column {
            0 => {
                ui.add_space(8.0);
                mark(ui, theme, state, 14.0);
                ui.label(theme.label(&to.name));
                environment_tag(ui, theme, to.environment);
            }
            1 => {
                let version = news.health.version.as_deref().unwrap_or_default();
                drop(ui.add(Label::new(theme.muted(format!("{} {version}", to.system.word()))).truncate()));
            }
            2 => drop(ui.add(Label::new(theme.muted(news.can.words())).truncate())),
            3 => {
                let (words, bad) = answer(&news, now);
                let text = theme.muted(words);
                let text = if bad { text.color(theme.mark_text(Mark::Warning)) } else { text };
                drop(ui.add(Label::new(text).truncate()));
            }
            4 => {
                let words = match (&news.health.failing, news.health.millis) {
                    (Some(_), _) => "no answer".to_owned(),
                    (None, Some(ms)) => format!("{ms} ms"),
                    (None, None) => String::new(),
                };
                drop(ui.add(Label::new(theme.muted(words)).truncate()));
            }
            _ => {
                let times: Vec<Option<f64>> = news.times.iter().map(|t| t.map(|ms| ms as f64)).collect();
                let name = format!("How long {} took to answer", to.name);
                spark(ui, theme, &name, &times, vec2(60.0, 16.0), None);
            }
        });
    });
    let shared = if to.shared { "In andon.toml of this folder" } else { "In your own settings" };
    if row.on_hover_text(format!("{}\n{shared}", to.url)).clicked() {
        cx.send(Command::Select(to.name.clone()));
    }
}

fn local_ui(ui: &mut Ui, theme: &Theme) {
    let row = Row::new("local").height(36.0).padding(0.0).rule(true).show(ui, theme, |ui| {
        table_row(ui, &WIDTHS, |ui, column| match column {
            0 => {
                ui.add_space(8.0);
                mark(ui, theme, Mark::Success, 14.0);
                ui.label(theme.label("local"));
            }
            1 => drop(ui.label(theme.muted("embedded runner"))),
            2 => drop(ui.add(Label::new(theme.muted("Everything")).truncate())),
            3 => drop(ui.label(theme.muted("always there"))),
            _ => {}
        });
    });
    row.on_hover_text("The pipelines in pipelines/*.toml run on this machine; their history is in .andon/andon.db");
}

fn state_of(news: &News, testing: bool) -> Mark {
    match (&news.health.failing, news.health.answered_at) {
        _ if testing => Mark::Running,
        (Some(_), _) => Mark::Warning,
        (None, Some(_)) => Mark::Success,
        (None, None) => Mark::Skipped,
    }
}

/// When it answered last, and whether that is too long ago.
fn answer(news: &News, now: jiff::Timestamp) -> (String, bool) {
    match (&news.health.failing, news.health.answered_at) {
        (Some((since, _)), _) => (format!("none since {}", time::when(*since, now)), true),
        (None, Some(at)) => (time::when(at, now), false),
        (None, None) => ("not asked yet".to_owned(), false),
    }
}

fn field(ui: &mut Ui, theme: &Theme, name: &str, contents: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        ui.set_min_height(30.0);
        ui.allocate_ui_with_layout(vec2(NAMES, 24.0), Layout::left_to_right(Align::Center), |ui| {
            ui.set_width(NAMES);
            ui.add(Label::new(theme.muted(name)).truncate());
        });
        // Two fields may have a choice of the same name.
        ui.push_id(name, contents);
    });
}

fn below(ui: &mut Ui, text: egui::RichText) {
    ui.horizontal_wrapped(|ui| {
        ui.add_space(NAMES + 8.0);
        ui.add(Label::new(text).wrap());
    });
}

fn problem(ui: &mut Ui, theme: &Theme, form: &Form, of: &str) {
    let Some((field, error)) = &form.problem else { return };
    if *field != of {
        return;
    }
    let hint = error.hint.as_ref().map(|h| format!(". {h}")).unwrap_or_default();
    below(ui, theme.small(format!("{error}{hint}")).color(theme.mark_text(Mark::Failed)));
}

fn form_ui(ui: &mut Ui, cx: &mut PageCx<'_>, form: &Form) {
    let theme = cx.theme;
    let width = (ui.available_width() - NAMES - 24.0).clamp(160.0, 400.0);
    ui.spacing_mut().item_spacing.y = 4.0;
    ui.horizontal(|ui| {
        ui.set_height(48.0);
        ui.label(theme.heading(form.was.as_deref().unwrap_or("A new connection")));
        if let Some(was) = &form.was {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| remove_ui(ui, cx, was));
        }
    });
    address_ui(ui, cx, form, width);
    let mut name = form.name.clone();
    field(ui, theme, "Name", |ui| {
        if text_field(ui, theme, &mut name, "Name of the connection", "airflow-prod", width.min(240.0)).changed() {
            cx.send(Command::Set(Part::Name(name.clone())));
        }
    });
    problem(ui, theme, form, "name");
    secret_ui(ui, cx, form, width);
    label_ui(ui, cx, form);
    let mut ca = form.ca_file.clone();
    field(ui, theme, "Certificate", |ui| {
        if text_field(ui, theme, &mut ca, "Certificate file", "The system's certificates", width).changed() {
            cx.send(Command::Set(Part::CaFile(ca.clone())));
        }
    });
    let mut proxy = form.proxy.clone();
    field(ui, theme, "Proxy", |ui| {
        if text_field(ui, theme, &mut proxy, "Address of a proxy", "As the environment says", width).changed() {
            cx.send(Command::Set(Part::Proxy(proxy.clone())));
        }
    });
    field(ui, theme, "Kept in", |ui| {
        if form.was.is_none() {
            let choices = [(true, "andon.toml, for everybody"), (false, "your settings")];
            if let Some(shared) = segmented(ui, theme, form.shared, &choices) {
                cx.send(Command::Set(Part::Shared(shared)));
            }
        } else {
            ui.label(theme.body(if form.shared { "andon.toml of this folder" } else { "your own settings" }));
        }
    });
    ui.add_space(8.0);
    ui.horizontal(|ui| {
        ui.add_space(NAMES + 8.0);
        let (label, reason) = match (&form.was, form.saving, form.changed) {
            (_, true, _) => ("Saving\u{2026}", Some("It is being written")),
            (None, ..) => ("Add and test", form.url.trim().is_empty().then_some("The address is missing")),
            (Some(_), _, false) => ("Save and test", Some("Nothing was changed")),
            (Some(_), ..) => ("Save and test", None),
        };
        if Btn::new(label).icon("check").primary().disabled(reason).show(ui, theme).clicked() {
            cx.send(Command::Save);
        }
        if (form.was.is_none() || form.changed) && Btn::new("Discard").quiet().show(ui, theme).clicked() {
            cx.send(Command::Discard);
        }
    });
}

fn remove_ui(ui: &mut Ui, cx: &mut PageCx<'_>, name: &str) {
    let theme = cx.theme;
    if cx.state.connections.removing.as_deref() == Some(name) {
        if Btn::new("Remove it").destructive().show(ui, theme).clicked() {
            cx.send(Command::Remove(name.to_owned()));
        }
        if Btn::new("Keep").quiet().show(ui, theme).clicked() {
            cx.send(Command::AskRemove(None));
        }
        ui.label(theme.small("The history of its runs stays"));
    } else if Btn::new("Remove\u{2026}").icon("trash-2").quiet().show(ui, theme).clicked() {
        cx.send(Command::AskRemove(Some(name.to_owned())));
    }
}

fn address_ui(ui: &mut Ui, cx: &mut PageCx<'_>, form: &Form, width: f32) {
    let theme = cx.theme;
    let mut url = form.url.clone();
    field(ui, theme, "Address", |ui| {
        let shown = text_field(ui, theme, &mut url, "Address", "https://airflow.example.org", width);
        if shown.changed() {
            cx.send(Command::Set(Part::Url(url.clone())));
        }
        // Whoever leaves the field wants to know what is there.
        if shown.lost_focus() && form.system.is_none() && !url.trim().is_empty() {
            cx.send(Command::Detect);
        }
    });
    problem(ui, theme, form, "url");
    field(ui, theme, "System", |ui| {
        let text = match (form.system, form.detecting) {
            (_, true) => "Asking\u{2026}",
            (Some(system), false) => system.word(),
            (None, false) => "Found out from the address",
        };
        combo(ui, theme, "System", (text, 200.0), |ui| {
            for system in System::ALL {
                if ui.selectable_label(form.system == Some(*system), system.word()).clicked() {
                    cx.send(Command::Set(Part::System(*system)));
                }
            }
        });
        let reason = if form.detecting {
            Some("It is being asked")
        } else if form.url.trim().is_empty() {
            Some("The address is missing")
        } else {
            None
        };
        if Btn::new("Find out").icon("search").disabled(reason).show(ui, theme).clicked() {
            cx.send(Command::Detect);
        }
    });
}

fn secret_ui(ui: &mut Ui, cx: &mut PageCx<'_>, form: &Form, width: f32) {
    let theme = cx.theme;
    let has = form.was.as_ref().and_then(|w| cx.state.connections.news.get(w)).is_some_and(|n| n.secret);
    if !form.replacing {
        field(ui, theme, "Secret", |ui| {
            ui.label(theme.icon("key", 14.0).color(theme.muted));
            ui.label(theme.body(if has { "Kept in the keyring, or in a variable" } else { "None" }));
            if Btn::new(if has { "Replace\u{2026}" } else { "Set\u{2026}" }).show(ui, theme).clicked() {
                cx.send(Command::Set(Part::Replace));
            }
        });
    } else {
        field(ui, theme, "Sign in", |ui| {
            let choices = [(SignIn::Token, "Token"), (SignIn::Password, "User and password"), (SignIn::None, "None")];
            if let Some(how) = segmented(ui, theme, form.sign_in, &choices) {
                cx.send(Command::Set(Part::SignIn(how)));
            }
        });
        if form.sign_in == SignIn::Password {
            let mut user = form.user.clone();
            field(ui, theme, "User", |ui| {
                if text_field(ui, theme, &mut user, "User", "", width.min(240.0)).changed() {
                    cx.send(Command::Set(Part::User(user.clone())));
                }
            });
            problem(ui, theme, form, "user");
        }
        if form.sign_in != SignIn::None {
            let name = if form.sign_in == SignIn::Token { "Token" } else { "Password" };
            let mut secret = form.secret.0.clone();
            field(ui, theme, name, |ui| {
                if secret_field(ui, theme, &mut secret, name, width.min(240.0)).changed() {
                    cx.send(Command::Set(Part::Secret(Typed(secret.clone()))));
                }
            });
        }
    }
    let variable = variable(&form.name);
    below(ui, theme.small(format!("In the system's keyring and in no file; in CI set {variable}")));
}

/// `ANDON_SECRET_AIRFLOW_PROD`.
fn variable(name: &str) -> String {
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let name = if words.is_empty() { "<NAME>".to_owned() } else { words.join("_").to_ascii_uppercase() };
    format!("ANDON_SECRET_{name}")
}

fn label_ui(ui: &mut Ui, cx: &mut PageCx<'_>, form: &Form) {
    let theme = cx.theme;
    field(ui, theme, "Environment", |ui| {
        let choices = [
            (Environment::None, "None"),
            (Environment::Dev, "dev"),
            (Environment::Test, "test"),
            (Environment::Prod, "production"),
        ];
        if let Some(label) = segmented(ui, theme, form.environment, &choices) {
            cx.send(Command::Set(Part::Environment(label)));
        }
    });
    if form.environment == Environment::Prod {
        below(ui, theme.small("Every rerun is shown and confirmed before it is sent"));
    }
    field(ui, theme, "Read only", |ui| {
        if switch(ui, theme, form.read_only, "Refuse reruns, launches and cancels from here") {
            cx.send(Command::Set(Part::ReadOnly(!form.read_only)));
        }
    });
}

fn test_ui(ui: &mut Ui, cx: &mut PageCx<'_>, form: &Form) {
    let theme = cx.theme;
    let Some(name) = &form.was else {
        Frame::NONE.inner_margin(Margin::symmetric(0, 14)).show(ui, |ui| {
            ui.add(Label::new(theme.muted("The test shows here, right by right, once the connection is added")).wrap());
        });
        return;
    };
    let tested = cx.state.connections.tests.get(name).cloned();
    let testing = cx.state.connections.testing.contains(name);
    let when = tested.as_ref().map(|t| format!("{}, {:.1} s", time::when(t.at, cx.now), t.millis as f64 / 1000.0));
    section_head(ui, theme, "Test result", &when.unwrap_or_default(), |ui| {
        let (label, reason) = if testing { ("Testing\u{2026}", Some("It is being tested")) } else { ("Test", None) };
        if Btn::new(label).icon("refresh-cw").disabled(reason).name("Test the connection").show(ui, theme).clicked() {
            cx.send(Command::Test(name.clone()));
        }
    });
    ui.add_space(4.0);
    match tested {
        None => drop(ui.label(theme.muted("Not tested since the window opened"))),
        Some(Tested { result: Ok(probe), .. }) => {
            for step in &probe.steps {
                ui.horizontal(|ui| {
                    ui.set_min_height(26.0);
                    mark(ui, theme, if step.ok { Mark::Success } else { Mark::Warning }, 14.0);
                    ui.allocate_ui_with_layout(vec2(120.0, 24.0), Layout::left_to_right(Align::Center), |ui| {
                        ui.set_width(120.0);
                        ui.add(Label::new(theme.label(&step.name)).truncate());
                    });
                    ui.add(Label::new(theme.muted(&step.note)).wrap().selectable(true));
                });
            }
        }
        Some(Tested { result: Err(error), .. }) => error_ui(ui, cx, name, &error),
    }
    let failing = cx.state.connections.news.get(name).and_then(|n| n.health.failing.clone());
    if let Some((since, error)) = failing {
        ui.add_space(8.0);
        hair_x(ui, theme);
        ui.add_space(8.0);
        ui.add(
            Label::new(theme.small(format!(
                "No answer since {}. What was seen before stays on every page, marked with its age",
                time::when(since, cx.now)
            )))
            .wrap(),
        );
        ui.add_space(6.0);
        error_ui(ui, cx, name, &error);
    }
}

fn error_ui(ui: &mut Ui, cx: &mut PageCx<'_>, name: &str, error: &Error) {
    if error_box(ui, cx.theme, error, &["Try now"]).is_some() {
        cx.send(Command::Look(name.to_owned()));
        cx.send(Command::Test(name.to_owned()));
    }
}
