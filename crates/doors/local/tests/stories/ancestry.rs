//! A real agent's own processes: this test program starts itself again, as a shell would start a command.
//!
//! ```text
//! test ── sh (the agent) ─┬─ bridge (connects as the agent `web`)
//!                         └─ sh ── command (connects as a person, with the owner's credential)
//! ```

use std::process::Stdio;
use std::time::Duration;

use client::protocol::{Agent, Call, Empty, Hello, Question, Speaker, VERSION};
use client::{CallError, Connection, connect};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::place::{Place, SOON, agent, ok};
use crate::questions::{answer, question};

/// What a process that this test started is to be; unset in the test itself.
const PART: &str = "GUILDHALL_TEST_PART";
const SOCKET: &str = "GUILDHALL_TEST_SOCKET";
const CREDENTIAL: &str = "GUILDHALL_TEST_CREDENTIAL";
const TICKET: &str = "GUILDHALL_TEST_TICKET";

fn shell(script: &str, place: &Place, ticket: &str) -> Child {
    Command::new("sh")
        .args(["-c", script])
        .env("EXE", std::env::current_exe().unwrap())
        .env(SOCKET, &place.socket)
        .env(CREDENTIAL, &place.credential)
        .env(TICKET, ticket)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// How a part is started, as a line of a script. Says what it has to say behind `says: `.
fn part(name: &str) -> String {
    format!(r#"{PART}={name} "$EXE" --exact ancestry::the_parts --nocapture"#)
}

async fn said(child: &mut Child) -> Vec<String> {
    let mut output = String::new();
    let read = child.stdout.take().unwrap().read_to_string(&mut output).await;
    read.unwrap();
    let lines = output.lines().filter_map(|line| line.split_once("says: "));
    lines.map(|(_, said)| said.to_owned()).collect()
}

async fn speak(speaker: Speaker) -> Result<Connection, CallError> {
    let socket = std::env::var_os(SOCKET).unwrap();
    connect(socket.as_ref(), Hello { version: VERSION, workspace: None, speaker }).await
}

/// No story of its own: what the processes of the stories below do.
#[tokio::test]
async fn the_parts() {
    let Ok(part) = std::env::var(PART) else { return };
    match part.as_str() {
        "bridge" => {
            let _here = speak(agent("web", None)).await.unwrap();
            println!("says: here");
            // Until the agent closes its end.
            tokio::io::stdin().read_to_end(&mut Vec::new()).await.unwrap();
        }
        "command" => {
            let credential = std::env::var(CREDENTIAL).ok();
            let person = speak(Speaker::Person { credential }).await.unwrap();
            println!("says: i am {}", person.welcome().principal);
            let ticket = std::env::var(TICKET).unwrap();
            match person.call::<Question>(answer(&ticket, "yes, says my own shell")).await {
                Ok(_) => println!("says: answered"),
                Err(why) => println!("says: {why}"),
            }
            match person.call::<serde_json::Value>(Call::Tokens(Empty {})).await {
                Ok(_) => println!("says: saw the tokens"),
                Err(why) => println!("says: {why}"),
            }
        }
        other => panic!("no part {other}"),
    }
}

async fn agent_is_here(place: &Place) {
    let here = async {
        while place.present() != ["web"] {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, here).await.expect("the bridge connects");
}

#[tokio::test]
async fn an_agents_own_shell_cannot_answer_for_a_person_with_the_credential_in_hand() {
    let place = Place::real().await;
    let ask = Call::Ask(question("May I delete everything?", &["person"]));
    let asked: Question = ok(&place.somebody().await, ask).await;

    // The agent starts its bridge; told to go on, it lets a shell of its own try, then ends its bridge and tries again.
    let script = format!(
        "exec 3<&0\nsleep 60 | {} &\nread go <&3\nsh -c '{}; true'\npkill -P $$ sleep; wait\nsh -c '{}; true'\n",
        part("bridge"),
        part("command"),
        part("command")
    );
    let mut web = shell(&script, &place, &asked.id);
    agent_is_here(&place).await;
    let pid = web.id().unwrap();
    web.stdin.take().unwrap().write_all(b"go\n").await.unwrap();
    let said = tokio::time::timeout(SOON, said(&mut web)).await.unwrap();
    let wall = format!("this process belongs to the agent web (process {pid}): an agent's own shell cannot");
    let refusals: Vec<_> = said.iter().filter(|line| line.starts_with(&wall)).collect();
    assert_eq!(refusals.len(), 4, "{said:#?}");
    assert_eq!(said.iter().filter(|line| *line == "i am local").count(), 2, "{said:#?}");

    // The test stands outside of that tree, and so does what it starts.
    let mut person = shell(&part("command"), &place, &asked.id);
    let said = tokio::time::timeout(SOON, self::said(&mut person)).await.unwrap();
    assert_eq!(said, ["i am owner", "answered", "saw the tokens"]);
}

#[tokio::test]
async fn a_persons_shell_is_free_while_agents_work_beside_it() {
    let place = Place::real().await;
    // More than one command, or the shell would become the bridge, and the test the agent.
    let mut web = shell(&format!("{}; true", part("bridge")), &place, "");
    let mut lines = BufReader::new(web.stdout.take().unwrap()).lines();
    let here = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("says: here") {
                return;
            }
        }
        panic!("the bridge ended");
    };
    tokio::time::timeout(SOON, here).await.unwrap();
    let owner = place.owner().await;
    assert_eq!(owner.welcome().principal, "owner");
    let agents: Vec<Agent> = ok(&owner, Call::Agents(Empty {})).await;
    assert_eq!(agents.len(), 1);
    let _: serde_json::Value = ok(&owner, Call::Tokens(Empty {})).await;
    // Its host hangs up, and the bridge ends.
    drop(web.stdin.take());
    while lines.next_line().await.unwrap().is_some() {}
}

#[tokio::test]
async fn a_hall_that_is_started_again_knows_its_agents_before_their_bridges_are_back() {
    let mut place = Place::real().await;
    let ask = Call::Ask(question("May I delete everything?", &["person"]));
    let asked: Question = ok(&place.somebody().await, ask).await;
    // The agent ends its bridge, waits until the hall was started again, and lets a shell of its own try.
    let script = format!(
        "exec 3<&0\nsleep 60 | {} >/dev/null &\nread go <&3\npkill -P $$ sleep; wait\necho says: alone\nread go <&3\nsh -c '{}; true'\n",
        part("bridge"),
        part("command")
    );
    let mut web = shell(&script, &place, &asked.id);
    agent_is_here(&place).await;
    let pid = web.id().unwrap();
    let mut stdin = web.stdin.take().unwrap();
    stdin.write_all(b"go\n").await.unwrap();
    let mut lines = BufReader::new(web.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("says: alone"));
    place.restart().await;
    stdin.write_all(b"go\n").await.unwrap();
    let mut said = Vec::new();
    while let Some(line) = tokio::time::timeout(SOON, lines.next_line()).await.unwrap().unwrap() {
        said.extend(line.split_once("says: ").map(|(_, said)| said.to_owned()));
    }
    let wall = format!("this process belongs to the agent web (process {pid}): an agent's own shell cannot");
    assert_eq!(said[0], "i am local", "{said:#?}");
    assert_eq!(said.iter().filter(|line| line.starts_with(&wall)).count(), 2, "{said:#?}");
}
