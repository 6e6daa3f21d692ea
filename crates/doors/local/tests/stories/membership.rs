//! Coming, going on, going.

use std::sync::Arc;
use std::time::Duration;

use client::protocol::{
    Agent, Call, CreateToken, Deleted, Empty, ErrorCode, Hello, IssuedToken, Speaker, Token, TokenId,
    VERSION, Workspace,
};
use client::{CallError, connect};
use guildhall_door_local::ancestry::Proc;
use model::{Command, Principal, WorkspaceName};

use crate::place::{Place, SOON, agent, instance, ok, refused};

#[tokio::test]
async fn an_agent_is_here_while_it_is_connected_and_comes_back_as_itself() {
    let options = hall::Options { presence_grace: Duration::from_millis(100), ..hall::Options::default() };
    let place = Place::with(Arc::new(Proc), options).await;
    let web = place.agent("web").await;
    let here: Vec<Agent> = ok(&place.somebody().await, Call::Agents(Empty {})).await;
    assert_eq!(here.len(), 1);
    assert_eq!(
        (here[0].name.as_str(), here[0].door.as_str(), here[0].role.as_str()),
        ("web", "mcp", "source")
    );
    let member = web.welcome().member.clone();
    assert_eq!(here[0].id, member);
    drop(web);
    tokio::time::timeout(SOON, async {
        while !place.present().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("an agent whose connection is gone leaves after the grace");

    let back = place.speak(agent("web", Some(member.clone()))).await.unwrap();
    assert_eq!(back.welcome().member, member);
    assert_eq!(place.present(), ["web"]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(place.present(), ["web"], "it stays for as long as it is connected");

    // An id that was never a membership, or another agent's, is no way in: it joins like anybody.
    for other in ["00000000-0000-4000-8000-000000000000", &member] {
        let api = place.speak(agent("api", Some(other.to_owned()))).await.unwrap();
        assert_ne!(api.welcome().member, other);
    }
}

#[tokio::test]
async fn two_running_agents_of_one_name_are_told_apart_by_their_instance() {
    let place = Place::of_strangers().await;
    let one = place.speak(instance("web", Some("session-1"), None)).await.unwrap();
    let two = place.speak(instance("web", Some("session-2"), None)).await.unwrap();
    let member = one.welcome().member.clone();
    assert_ne!(member, two.welcome().member);
    let here: Vec<Agent> = ok(&place.somebody().await, Call::Agents(Empty {})).await;
    let told: Vec<_> = here.iter().map(|agent| (agent.name.as_str(), agent.instance.as_deref())).collect();
    assert_eq!(told, [("web", Some("session-1")), ("web", Some("session-2"))]);

    // Each goes on with its own membership, and not with its namesake's.
    drop(one);
    let back = place.speak(instance("web", Some("session-1"), Some(member.clone()))).await.unwrap();
    assert_eq!(back.welcome().member, member);
    let other = place.speak(instance("web", Some("session-3"), Some(member.clone()))).await.unwrap();
    assert_ne!(other.welcome().member, member);
}

#[tokio::test]
async fn a_name_that_another_principal_holds_cannot_be_taken() {
    let place = Place::of_strangers().await;
    let workspace = place.hall.workspace(&WorkspaceName::default_workspace()).unwrap();
    let join = Command::Join(model::roster::Join {
        workspace: "default".into(),
        name: "web".into(),
        role: model::roster::Role::Source,
        repo_path: "/".into(),
        door: "trpc",
        instance: None,
        held_by: None,
    });
    workspace.carry_out(&Principal::parse("ada").unwrap(), join).await.unwrap();
    let refused = place.speak(agent("web", None)).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Conflict), "{refused}");
}

#[tokio::test]
async fn who_says_something_strange_about_itself_is_told_so() {
    let place = Place::of_strangers().await;
    let person = || Speaker::Person { credential: None };
    let king = Speaker::Agent {
        name: "web".into(),
        role: "king".into(),
        repo_path: "/".into(),
        instance: None,
        member: None,
    };
    let (nameless, loud) = (instance("web", Some(""), None), instance("web", Some("\u{1b}[2J"), None));
    let endless = instance("web", Some(&"x".repeat(257)), None);
    let wrong = Speaker::Person { credential: Some("guildhall_wrong".into()) };
    for (version, workspace, speaker, code) in [
        (VERSION + 2, None, person(), ErrorCode::BadRequest),
        (VERSION, Some("No Name"), person(), ErrorCode::BadRequest),
        (VERSION, Some("elsewhere"), person(), ErrorCode::NotFound),
        (VERSION, None, king, ErrorCode::BadRequest),
        (VERSION, None, agent("", None), ErrorCode::BadRequest),
        (VERSION, None, agent("web", Some("nonsense".into())), ErrorCode::BadRequest),
        (VERSION, None, wrong, ErrorCode::Forbidden),
        (VERSION, None, nameless, ErrorCode::BadRequest),
        (VERSION, None, loud, ErrorCode::BadRequest),
        (VERSION, None, endless, ErrorCode::TooLarge),
    ] {
        let what = format!("{workspace:?} {speaker:?}");
        let hello = Hello { version, workspace: workspace.map(Into::into), speaker };
        let refused = connect(&place.socket, hello).await.unwrap_err();
        assert_eq!(refused.code(), Some(code), "{what}: {refused}");
    }
    assert_eq!(place.present(), [""; 0], "nobody of these has joined");
}

#[tokio::test]
async fn the_owner_makes_workspaces_and_tokens_and_nobody_else_does() {
    let place = Place::of_strangers().await;
    let owner = place.owner().await;
    assert_eq!((owner.welcome().principal.as_str()), "owner");
    let _: String = ok(&owner, Call::CreateWorkspace(Workspace { name: "team-1".into() })).await;
    assert_eq!(ok::<Vec<String>>(&owner, Call::Workspaces(Empty {})).await, ["default", "team-1"]);
    let create = |role: &str| {
        Call::CreateToken(CreateToken {
            role: role.into(),
            name: Some("ada".into()),
            workspaces: vec!["team-1".into()],
            life_seconds: Some(3600),
        })
    };
    let issued: IssuedToken = ok(&owner, create("member")).await;
    assert_eq!((issued.about.principal.as_str(), issued.about.role.as_str()), ("ada", "member"));
    assert!(place.hall.identify(&issued.token).is_some());
    assert_eq!(ok::<Vec<Token>>(&owner, Call::Tokens(Empty {})).await.len(), 2);
    assert_eq!(refused(&owner, create("king")).await.0, ErrorCode::BadRequest);

    // A token of another role is no owner's credential.
    let credential = Some(issued.token.clone());
    let refused_in = place.speak(Speaker::Person { credential }).await.unwrap_err();
    assert!(matches!(refused_in, CallError::Refused { code: ErrorCode::Forbidden, .. }), "{refused_in}");

    let revoke = || Call::RevokeToken(TokenId { id: issued.about.id.clone() });
    assert!(ok::<Deleted>(&owner, revoke()).await.success);
    assert!(place.hall.identify(&issued.token).is_none());
    assert_eq!(refused(&owner, revoke()).await.0, ErrorCode::NotFound);

    for connection in [place.agent("web").await, place.somebody().await] {
        let make = Call::CreateWorkspace(Workspace { name: "team-2".into() });
        for call in [create("owner"), Call::Tokens(Empty {}), Call::Workspaces(Empty {}), revoke(), make] {
            assert_eq!(refused(&connection, call).await.0, ErrorCode::Forbidden);
        }
    }
}

#[tokio::test]
async fn an_owner_whose_credential_is_withdrawn_is_owner_no_more() {
    let place = Place::of_strangers().await;
    let owner = place.owner().await;
    let tokens: Vec<Token> = ok(&owner, Call::Tokens(Empty {})).await;
    let withdraw = || Call::RevokeToken(TokenId { id: tokens[0].id.clone() });
    let (code, message) = refused(&owner, withdraw()).await;
    assert_eq!(code, ErrorCode::Conflict, "nobody locks themselves out: {message}");
    let another = CreateToken { role: "owner".into(), name: None, workspaces: vec![], life_seconds: None };
    let another: IssuedToken = ok(&owner, Call::CreateToken(another)).await;
    let another = place.speak(Speaker::Person { credential: Some(another.token) }).await.unwrap();
    let _: Deleted = ok(&another, withdraw()).await;
    let (code, message) = refused(&owner, Call::Tokens(Empty {})).await;
    assert_eq!(code, ErrorCode::Forbidden);
    assert!(message.contains("revoked"), "{message}");
}
