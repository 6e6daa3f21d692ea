//! Coming and going. The grace is 300 ms here; what is asserted of time is that something happened at all.

use hall::{Declined, Standing};
use model::roster::{Leave, Reason};
use model::{Command, MemberId, Principal, Refusal};

use crate::scene::Scene;

async fn until_gone(scene: &Scene, name: &str) {
    let mut head = scene.workspace.head();
    while scene.names().iter().any(|other| other == name) {
        head.changed().await.unwrap();
    }
}

#[tokio::test]
async fn a_member_without_a_connection_lapses_and_comes_back_by_its_id() {
    let scene = Scene::new().await;
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    let staying = scene.workspace.attend(&api.id);
    drop(scene.workspace.attend(&web.id));
    until_gone(&scene, "web").await;
    assert_eq!(scene.names(), ["api"], "who is connected stays");

    scene.workspace.speak_as(&Principal::local(), &web.id).await.unwrap();
    scene.share("after", "the return").await;
    assert_eq!(scene.names(), ["api", "web"]);
    assert_eq!(*scene.workspace.state().roster.get(&web.id).unwrap(), web, "as it was");
    drop(staying);
    until_gone(&scene, "api").await;
}

#[tokio::test]
async fn a_restart_begins_to_count_anew() {
    let scene = Scene::new().await;
    let web = scene.join("web").await;
    let connected = scene.workspace.attend(&web.id);
    let scene = scene.again().await;
    assert_eq!(scene.names(), ["web"]);
    until_gone(&scene, "web").await;
    drop(connected);
}

#[tokio::test]
async fn who_left_is_not_brought_back_by_its_id() {
    let scene = Scene::new().await;
    let web = scene.join("web").await;
    let leave = Command::Leave(Leave { member: web.id.clone(), reason: Reason::Left });
    scene.workspace.carry_out(&Principal::local(), leave.clone()).await.unwrap();
    assert!(scene.workspace.carry_out(&Principal::local(), leave).await.unwrap().entries.is_empty());
    scene.workspace.speak_as(&Principal::local(), &web.id).await.unwrap();
    scene.share("after", "leaving").await;
    assert!(scene.names().is_empty());
}

#[tokio::test]
async fn nobody_speaks_as_anothers_member_present_or_not() {
    let scene = Scene::new().await;
    let web = scene.join("web").await;
    let forbidden = |outcome: Result<hall::Standing, hall::Declined>| {
        matches!(outcome, Err(hall::Declined::Refused(Refusal::Forbidden(_))))
    };
    assert!(forbidden(scene.workspace.speak_as(&Principal::owner(), &web.id).await));
    drop(scene.workspace.attend(&web.id));
    until_gone(&scene, "web").await;
    assert!(forbidden(scene.workspace.speak_as(&Principal::owner(), &web.id).await));
    // Those who come without a token may claim any id, and change nothing by it.
    let claimed = scene.workspace.speak_as(&Principal::compat(), &web.id).await.unwrap();
    assert_eq!(claimed, hall::Standing::Claimed);
    let nobody = MemberId::parse("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee").unwrap();
    assert_eq!(
        scene.workspace.speak_as(&Principal::owner(), &nobody).await.unwrap(),
        hall::Standing::Claimed
    );
    assert!(scene.names().is_empty());
}

#[tokio::test]
async fn somebody_elses_id_in_another_spelling_is_still_somebody_elses() {
    let scene = Scene::new().await;
    let web = scene.join("web").await;
    let shouted = MemberId::parse(&web.id.as_str().to_uppercase()).unwrap();
    let refused = scene.workspace.speak_as(&Principal::owner(), &shouted).await.unwrap_err();
    assert!(matches!(refused, Declined::Refused(Refusal::Forbidden(_))), "{refused}");
    // Its own holder may write it so, and is recorded as having claimed it.
    let standing = scene.workspace.speak_as(&Principal::local(), &shouted).await.unwrap();
    assert_eq!(standing, Standing::Claimed);
}
