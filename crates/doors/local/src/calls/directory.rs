//! Workspaces and tokens. Only the owner gets here: the table of methods says so.

use std::time::Duration;

use client::protocol::{CreateToken, Deleted, Empty, ErrorCode, IssuedToken, Token, TokenId, Workspace};
use model::directory::Grant;
use model::{Principal, WorkspaceName};

use super::Request;
use crate::caller::Authority;
use crate::refused::Refused;
use crate::told;

pub(super) async fn workspaces(
    Request { caller, .. }: Request<'_>,
    _: Empty,
) -> Result<Vec<String>, Refused> {
    Ok(caller.door.hall.workspaces().iter().map(ToString::to_string).collect())
}

pub(super) async fn create_workspace(
    Request { caller, .. }: Request<'_>,
    workspace: Workspace,
) -> Result<String, Refused> {
    let name = WorkspaceName::parse(&workspace.name).map_err(Refused::bad_request)?;
    caller.door.hall.open_workspace(&caller.principal, name.clone()).await?;
    Ok(name.to_string())
}

pub(super) async fn create_token(
    Request { caller, .. }: Request<'_>,
    token: CreateToken,
) -> Result<IssuedToken, Refused> {
    let grant = Grant::parse(&token.role).ok_or_else(|| {
        let known = Grant::ALL.map(Grant::as_str).join(", ");
        Refused::bad_request(format!("a token's role is one of {known}, not {:?}", token.role))
    })?;
    let name = token.name.as_deref().map(Principal::parse).transpose().map_err(Refused::bad_request)?;
    let workspaces = token.workspaces.iter().map(|name| WorkspaceName::parse(name));
    let workspaces = workspaces.collect::<Result<_, _>>().map_err(Refused::bad_request)?;
    let life = match token.life_seconds {
        Some(0) => return Err(Refused::bad_request("a token lives at least a second")),
        life => life.map(Duration::from_secs),
    };
    let issued = caller.door.hall.issue_token(&caller.principal, name, grant, workspaces, life).await?;
    Ok(IssuedToken { token: issued.secret.reveal().to_owned(), about: told::token(&issued.token) })
}

pub(super) async fn tokens(Request { caller, .. }: Request<'_>, _: Empty) -> Result<Vec<Token>, Refused> {
    let now = caller.door.hall.clock().now();
    let live = caller.door.hall.tokens().into_iter().filter(|token| token.is_live(now));
    Ok(live.map(|token| told::token(&token)).collect())
}

pub(super) async fn revoke_token(
    Request { caller, .. }: Request<'_>,
    token: TokenId,
) -> Result<Deleted, Refused> {
    let id = model::TokenId::parse(&token.id).map_err(Refused::bad_request)?;
    if matches!(&caller.authority, Authority::Owner(identity) if identity.token.as_ref() == Some(&id)) {
        let message = "this is the token you use yourself: without it you could withdraw and issue no others; use another \
                       owner's token to withdraw it";
        return Err(Refused::new(ErrorCode::Conflict, message));
    }
    caller.door.hall.revoke_token(&caller.principal, id).await?;
    Ok(Deleted { success: true })
}
