//! A real MLflow by command: its runs with parameters and numbers, and a no with its reason for what it cannot do.
use super::services::{Desk, Service};

#[test]
fn mlflow_runs_and_numbers_come_into_the_history() {
    let Some(server) = Service::start("mlflow") else { return };
    let desk = Desk::new();
    // Without --system: what answers says what it is.
    let page = format!("{}/#/experiments/1", server.fact("base_url"));
    let added = desk.json(0, &["connect", "add", "ml", &page]);
    assert_eq!(added["connection"]["system"], "mlflow", "{added}");
    let test = desk.json(0, &["connect", "test", "ml"]);
    assert_eq!(test["ok"], true, "{test}");
    let listed = desk.json(0, &["runs", "--refresh", "--connection", "ml"]);
    let runs = listed["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 6, "{listed}");
    let failed: Vec<_> = runs.iter().filter(|r| r["state"] == "failed").collect();
    assert_eq!(
        (failed.len(), &failed[0]["pipeline"], &failed[0]["params"]["depth"]),
        (1, &"churn".into(), &"7".into())
    );
    // The same look again changes nothing.
    let again = desk.andon(&["runs", "--refresh", "--connection", "ml", "--json"]).code(0);
    assert!(again.err.contains("0 runs new or changed"), "{}", again.err);
    let series = desk.json(0, &["metrics", "show", "val/auc"]);
    assert_eq!(series["points"].as_array().unwrap().len(), 5, "{series}");
    let id = failed[0]["id"].as_str().unwrap();
    let no = desk.andon(&["rerun", id, "--all", "--yes"]).code(1);
    assert!(no.err.contains("MLflow records runs and starts none"), "{}", no.err);
    desk.andon(&["trigger", "churn", "--connection", "ml"]).code(1);
    desk.andon(&["logs", id]).code(2);
    drop(server);
    // What was seen stays, and who does not answer is named.
    let gone = desk.andon(&["runs", "--refresh", "--connection", "ml", "--json"]).code(2);
    assert!(gone.err.contains("ml") && gone.out.contains("churn"), "{}\n{}", gone.out, gone.err);
}
