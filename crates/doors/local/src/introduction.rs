//! The first call of a connection: who speaks.

use std::net::Ipv4Addr;
use std::sync::Arc;

use client::protocol::{ErrorCode, Hello, Speaker, VERSION, Welcome};
use gate::rate::Allowance;
use hall::{Attendance, Identity, Workspace};
use model::directory::Grant;
use model::roster::{Join, Membership, Role};
use model::{Command, Fact, MemberId, Principal, WorkspaceName};

use crate::ancestry::{Lineage, NotAdopted, Owned};
use crate::caller::{Authority, Caller};
use crate::limits;
use crate::listener::Door;
use crate::refused::Refused;
use crate::session::Peer;

/// The door's name in memberships.
const DOOR: &str = "mcp";

/// Finds out who speaks, and lets an agent join or go on.
pub(crate) async fn introduce(
    door: &Arc<Door>,
    peer: &Peer,
    hello: Hello,
) -> Result<(Welcome, Caller), Refused> {
    if hello.version.abs_diff(VERSION) > 1 {
        return Err(Refused::bad_request(format!(
            "this hall speaks version {VERSION} of the local protocol, and you speak {}; upgrade the older of the two",
            hello.version
        )));
    }
    let name = match &hello.workspace {
        Some(name) => WorkspaceName::parse(name).map_err(Refused::bad_request)?,
        None => WorkspaceName::default_workspace(),
    };
    let workspace = door.hall.workspace(&name)?;
    let caller = match hello.speaker {
        Speaker::Agent { name, role, repo_path, instance, member } => {
            let agent = AgentCard::read(&name, &role, &repo_path, instance.as_deref())?;
            let lineage = peer.lineage.as_ref().ok_or_else(|| {
                let message =
                    "the operating system does not say which process you are, so an agent cannot come in";
                Refused::new(ErrorCode::Forbidden, message)
            })?;
            adopt(door, lineage, &agent.name).await?;
            let (member, attendance) = enter(&workspace, &agent, member.as_deref()).await?;
            Caller {
                door: door.clone(),
                workspace,
                principal: Principal::local(),
                author: member.id.clone(),
                agent: Some(member),
                authority: Authority::None,
                allowance: allowance(door, &Principal::local()),
                lineage: peer.lineage.clone(),
                _attendance: Some(attendance),
            }
        }
        Speaker::Person { credential } => {
            let owned = door.ancestry.owner(peer.lineage.as_ref());
            let authority = authority(door, owned, credential.as_deref(), &name)?;
            let principal = match &authority {
                Authority::Owner(identity) => identity.principal.clone(),
                Authority::None => Principal::local(),
            };
            Caller {
                door: door.clone(),
                workspace,
                author: MemberId::of_person(name.as_str(), principal.as_str()),
                allowance: allowance(door, &principal),
                principal,
                agent: None,
                authority,
                lineage: peer.lineage.clone(),
                _attendance: None,
            }
        }
    };
    let welcome = Welcome {
        version: VERSION,
        server: env!("CARGO_PKG_VERSION").into(),
        workspace: name.to_string(),
        member: caller.author.to_string(),
        agent_id: Some(caller.party().id.to_string()),
        principal: caller.principal.to_string(),
        incarnation: caller.workspace.incarnation().0.to_string(),
    };
    Ok((welcome, caller))
}

/// Makes the bridge's agent known, durably, before it can begin to do anything here.
async fn adopt(door: &Arc<Door>, bridge: &Lineage, name: &Arc<str>) -> Result<(), Refused> {
    let (door, bridge, name) = (door.clone(), bridge.clone(), name.clone());
    let adopted = tokio::task::spawn_blocking(move || door.ancestry.adopt(&bridge, &name)).await;
    let why = match adopted {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(why)) => why,
        Err(fault) => NotAdopted::NotWritten(std::io::Error::other(fault)),
    };
    tracing::error!(%why, "an agent is not let in");
    let code = match why {
        NotAdopted::TooMany => ErrorCode::TooMany,
        NotAdopted::NotWritten(_) => ErrorCode::Unavailable,
    };
    Err(Refused::new(code, why.to_string()))
}

/// A person who shows the owner's credential has the owner's power, except out of an agent's own process: there the
/// credential counts for nothing, so that nothing is written down in the owner's name either.
fn authority(
    door: &Door,
    owned: Option<Owned>,
    credential: Option<&str>,
    workspace: &WorkspaceName,
) -> Result<Authority, Refused> {
    let (None, Some(secret)) = (owned, credential) else { return Ok(Authority::None) };
    match door.hall.identify(secret) {
        Some(identity) if identity.grant == Grant::Owner && identity.may_enter(workspace) => {
            Ok(Authority::Owner(identity))
        }
        Some(Identity { grant, principal, .. }) => Err(Refused::new(
            ErrorCode::Forbidden,
            format!(
                "this credential is {principal}'s, with the role {}, and does not open the workspace {workspace} as owner",
                grant.as_str()
            ),
        )),
        None => Err(Refused::new(
            ErrorCode::Forbidden,
            "this credential opens nothing here: it was revoked, has expired or is another hall's",
        )),
    }
}

/// What an agent says of itself.
struct AgentCard {
    name: Arc<str>,
    role: Role,
    repo_path: Arc<str>,
    instance: Option<Arc<str>>,
}

impl AgentCard {
    fn read(name: &str, role: &str, repo_path: &str, instance: Option<&str>) -> Result<Self, Refused> {
        if name.is_empty() {
            return Err(Refused::bad_request("an agent needs a name"));
        }
        let known = [Role::Source, Role::Target].into_iter().find(|known| known.as_str() == role);
        let role = known.ok_or_else(|| {
            Refused::bad_request(format!("an agent's role is `source` or `target`, not {role:?}"))
        })?;
        let instance = instance.map(parse_instance).transpose()?;
        Ok(Self { name: name.into(), role, repo_path: repo_path.into(), instance })
    }
}

/// A session's id or the like: one word or a few, to be shown beside a name.
fn parse_instance(instance: &str) -> Result<Arc<str>, Refused> {
    if instance.is_empty() || instance.contains(char::is_control) {
        return Err(Refused::bad_request(
            "an agent's instance has at least one character, and none that controls",
        ));
    }
    match instance.len() {
        0..=limits::INSTANCE_BYTES => Ok(instance.into()),
        bytes => Err(Refused::new(
            ErrorCode::TooLarge,
            format!("an agent's instance is {bytes} bytes long, and may have {}", limits::INSTANCE_BYTES),
        )),
    }
}

/// Goes on with the membership the agent had, or joins. Present, and durably so, when this returns.
async fn enter(
    workspace: &Workspace,
    agent: &AgentCard,
    member: Option<&str>,
) -> Result<(Arc<Membership>, Attendance), Refused> {
    let by = Principal::local();
    if let Some(member) = member {
        let id = MemberId::parse(member).map_err(Refused::bad_request)?;
        let same = |known: &Arc<Membership>| known.name == agent.name && known.instance == agent.instance;
        if let Some(known) = workspace.member(&id).await?.filter(same) {
            // Counted before it is brought back, so that it cannot lapse in between.
            let attendance = workspace.attend(&id);
            if workspace.speak_as(&by, &id).await?.is_member() {
                // No event if it is back already; and the answer comes after the event that brought it back.
                workspace.carry_out(&by, Command::Return(known.clone())).await?;
                return Ok((known, attendance));
            }
        }
    }
    let join = Command::Join(Join {
        workspace: workspace.name().into(),
        name: agent.name.clone(),
        role: agent.role,
        repo_path: agent.repo_path.clone(),
        door: DOOR,
        instance: agent.instance.clone(),
        held_by: None,
    });
    let done = workspace.carry_out(&by, join).await?;
    let joined = done.entries.iter().find_map(|entry| match entry.fact() {
        Fact::MemberJoined(member) => Some(member.clone()),
        _ => None,
    });
    let joined = joined.ok_or_else(|| Refused::without_events("joining"))?;
    let attendance = workspace.attend(&joined.id);
    Ok((joined, attendance))
}

/// How often this principal may call; the address of all processes of this machine is the loopback one.
pub(crate) fn allowance(door: &Door, principal: &Principal) -> Allowance {
    door.rates.allowance(principal, Ipv4Addr::LOCALHOST.into())
}
