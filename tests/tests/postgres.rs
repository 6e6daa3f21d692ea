//! The whole server on PostgreSQL: the same promises, also when the connection to it is lost.

#![allow(clippy::unwrap_used, reason = "clippy allows it in test functions, but not in what they call")]

use std::sync::Arc;
use std::time::Duration;

use guildhall_tests::home::Home;
use guildhall_tests::judgement::Log;
use guildhall_tests::ledger::Ledger;
use guildhall_tests::load::{Crowd, Load};
use guildhall_tests::times;
use guildhall_tests::trpc::Client;
use postgres_harness::Database;
use serde_json::json;
use store::PostgresStore;

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_is_there_after_the_server_was_killed() {
    let database = Database::create().await;
    let home = Home::new().on_store(&database.url());
    let mut server = home.start().await;
    let client = Client::connect(server.compat).await.unwrap();
    let join = json!({ "name": "web", "role": "source", "repoPath": "/srv/web" });
    let joined = client.mutate("session.join", join).await.unwrap();
    let member = &joined["agent"]["id"];
    let share = json!({ "key": "api", "value": "v2", "agentId": member });
    let shared = client.mutate("context.share", share).await.unwrap();
    let ask = json!({ "question": "ship?", "agentId": member });
    let asked = client.mutate("questions.ask", ask).await.unwrap();
    let answer = json!({ "questionId": asked["id"], "answer": "ship", "agentId": member });
    let answered = client.mutate("questions.answer", answer).await.unwrap();
    let ask = json!({ "question": "and then?", "agentId": member });
    let open = client.mutate("questions.ask", ask).await.unwrap();
    let log = json!({ "decision": "ship on Friday", "rationale": "why not", "agentId": member });
    let decided = client.mutate("decisions.log", log).await.unwrap();
    server.kill().await;

    let server = home.start().await;
    let client = Client::connect(server.compat).await.unwrap();
    assert_eq!(client.query("session.list", json!({})).await.unwrap(), json!([joined["agent"]]));
    assert_eq!(client.query("context.get", json!({ "key": "api" })).await.unwrap(), shared);
    assert_eq!(client.query("questions.listPending", json!({})).await.unwrap(), json!([open]));
    assert_eq!(client.query("questions.get", json!({ "id": asked["id"] })).await.unwrap(), answered);
    assert_eq!(client.query("decisions.list", json!({})).await.unwrap(), json!([decided]));
    let join = json!({ "name": "api", "role": "target", "repoPath": "/srv/api" });
    assert_eq!(client.mutate("session.join", join).await.unwrap()["sessionId"], joined["sessionId"]);
    server.stop().await;
    assert!(home.run(&["store", "verify", "--store", &database.url()]).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_whose_server_loses_its_database_now_and_then_is_told_the_truth() {
    let database = Database::create().await;
    let home = Home::new().on_store(&database.url());
    let server = home.start().await;
    let ledger = Arc::new(Ledger::new());
    let crowd = Crowd { unreadable_at_times: true, ..Crowd::USUAL };
    let load = Load::begin(&server, crowd, ledger.clone(), 31).await;
    for _ in 0..times(8, 80) {
        load.progress(40).await;
        database.end_connections().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    load.progress(40).await;
    assert_eq!(server.get("/readyz").await.status, 200);
    let followed = load.finish().await;
    server.stop().await;
    let store = PostgresStore::connect(&database.url()).await.unwrap();
    let log = Log::read(&store).await.unwrap();
    assert_eq!(log.faults(&ledger), Vec::<String>::new());
    for follower in followed {
        assert_eq!(follower.seen, log.feed(follower.kinds));
    }
}
