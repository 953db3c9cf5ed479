//! Connected systems in the window: the list, the form, the test right by right, and their runs beside those of the folder.
use andon::{
    app::{
        AppState, Command as AnyCommand, Cx, Event,
        connections::{self, Command, Tested},
        dispatch, runs,
        settings::Section,
        shell::Page,
    },
    base::{Error, time::FixedClock},
    model::connect::{Capabilities, Connection, Environment, Health, Probe, RemotePipeline, Step, System},
};
use egui::accesskit::Role;
use egui_kittest::{
    Harness,
    kittest::{NodeT, Queryable},
};

use crate::support::{Stage, morning, stage};

fn apply(state: &mut AppState, event: impl Into<Event>) {
    dispatch::apply(state, event.into(), &Cx { clock: &FixedClock(morning()) });
}

fn looked(name: &str, health: Health) -> connections::Event {
    let pipeline = |name: &str, paused| RemotePipeline { name: name.into(), paused, ..RemotePipeline::default() };
    connections::Event::Looked {
        name: name.into(),
        health: Box::new(health),
        pipelines: Some(vec![pipeline("nightly_flights", false), pipeline("publish", true)]),
        can: Capabilities::all(),
        secret: true,
    }
}

fn state(page: Page) -> AppState {
    let mut state = AppState::default();
    state.workspace.root = Some("/workspace".into());
    state.workspace.trusted = true;
    state.shell.page = page;
    state.shell.focused = true;
    state.settings.section = Section::Connections;
    let prod = Connection::new("airflow-prod", System::Airflow, "https://airflow.skyline.example").unwrap();
    let lab = Connection::new("lab", System::Airflow, "http://127.0.0.1:28080").unwrap();
    state.workspace.config.connections = vec![Connection { environment: Environment::Prod, ..prod }, lab];
    apply(&mut state, runs::Event::Loaded { entries: Vec::new(), runs: Vec::new(), notice: None });
    let answered =
        Health { answered_at: Some(morning()), version: Some("3.3.1".into()), millis: Some(41), ..Health::default() };
    apply(&mut state, looked("airflow-prod", answered));
    let gone = Error::remote("lab does not answer").because_of("connection refused").hint("Look whether it runs");
    apply(&mut state, looked("lab", Health { failing: Some((morning(), gone)), ..Health::default() }));
    state
}

fn sent(h: &Harness<'_, Stage>, wanted: &Command) -> bool {
    h.state().sent.contains(&AnyCommand::from(wanted.clone()))
}

#[test]
fn the_list_shows_how_each_is_and_a_click_opens_its_form_and_test() {
    let mut h = stage(state(Page::Settings));
    h.run_steps(2);
    for words in
        ["1 answers, 1 does not", "Airflow 3.3.1", "production", "41 ms", "no answer", "none since", "embedded runner"]
    {
        assert!(h.query_all_by_label_contains(words).count() > 0, "{words}");
    }
    h.get_by_role_and_label(Role::ListItem, "airflow-prod").click();
    h.run_steps(3);
    assert_eq!(
        h.get_by_role_and_label(Role::TextInput, "Address").value().as_deref(),
        Some("https://airflow.skyline.example/")
    );
    assert!(h.query_all_by_label_contains("ANDON_SECRET_AIRFLOW_PROD").count() > 0);
    h.get_by_label("Test the connection").click();
    h.run_steps(2);
    assert!(sent(&h, &Command::Test("airflow-prod".into())));
    let step = |name: &str, ok, note: &str| Step { name: name.into(), ok, note: note.into() };
    let steps = vec![
        step("Signed in", true, "as svc-andon"),
        step("May rerun", false, "Reruns are not allowed to this account"),
    ];
    let probe = Probe { system: System::Airflow, version: "3.3.1".into(), steps };
    let tested = Tested { at: morning(), millis: 400, result: Ok(probe) };
    apply(&mut h.state_mut().state, connections::Event::Tested { name: "airflow-prod".into(), tested });
    h.run_steps(2);
    h.get_by_label("as svc-andon");
    h.get_by_label("Reruns are not allowed to this account");
    // One that does not answer says since when, why, and what to do.
    h.get_by_role_and_label(Role::ListItem, "lab").click();
    h.run_steps(3);
    assert!(h.query_all_by_label_contains("connection refused").count() > 0);
    h.get_by_role_and_label(Role::Button, "Try now").click();
    h.run_steps(2);
    assert!(sent(&h, &Command::Look("lab".into())));
}

#[test]
fn a_new_connection_is_found_out_checked_and_saved() {
    let mut h = stage(state(Page::Settings));
    h.get_by_label_contains("Add connection").click();
    h.run_steps(3);
    let reason = h.get_by_label("Add and test");
    assert!(reason.accesskit_node().is_disabled(), "the address is missing");
    h.get_by_role_and_label(Role::TextInput, "Address").focus();
    h.run_steps(1);
    h.get_by_role_and_label(Role::TextInput, "Address").type_text("airflow.example.org/dags");
    h.run_steps(2);
    h.get_by_role_and_label(Role::Button, "Find out").click();
    h.run_steps(2);
    assert!(sent(&h, &Command::Detect));
    let url = h.state().state.connections.form.as_ref().unwrap().url.clone();
    apply(&mut h.state_mut().state, connections::Event::Detected { url, result: Ok(System::Airflow) });
    h.run_steps(2);
    h.get_by_label("Add and test").click();
    h.run_steps(2);
    let form = h.state().state.connections.form.clone().unwrap();
    assert!(form.saving && form.problem.is_none(), "{form:?}");
    // A name that is taken is refused in place.
    h.state_mut().state.connections.form.as_mut().unwrap().saving = false;
    h.state_mut().state.connections.form.as_mut().unwrap().name = "lab".into();
    h.run_steps(2);
    h.get_by_label("Add and test").click();
    h.run_steps(2);
    assert!(h.query_all_by_label_contains("There is a connection lab already").count() > 0);
}

#[test]
fn pipelines_stand_below_their_connection_and_old_news_is_marked() {
    let mut h = stage(state(Page::Runs));
    h.run_steps(2);
    for words in ["local", "airflow-prod", "production", "Airflow 3.3", "held", "no answer since"] {
        assert!(h.query_all_by_label_contains(words).count() > 0, "{words}");
    }
    h.get_by_role_and_label(Role::ListItem, "nightly_flights@airflow-prod, never ran").click();
    h.run_steps(3);
    assert_eq!(h.state().state.runs.pipeline.as_deref(), Some("nightly_flights@airflow-prod"));
    h.get_by_label("Run the pipeline").click();
    h.run_steps(3);
    // In production nothing starts without a look.
    assert!(matches!(&h.state().state.runs.dialog, Some(runs::Dialog::Run(d)) if d.connection == "airflow-prod"));
    assert!(h.query_all_by_label_contains("Asking airflow-prod for the parameters").count() > 0);
}

#[test]
fn an_untrusted_folder_says_that_its_connections_wait_for_trust() {
    let mut state = state(Page::Settings);
    state.workspace.trusted = false;
    let mut h = stage(state);
    h.run_steps(2);
    h.get_by_label("andon.toml names 2 connections; they count once the folder is trusted");
    assert!(h.query_by_role_and_label(Role::ListItem, "airflow-prod").is_none());
}
