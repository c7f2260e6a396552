//! Users, sessions, revocations, secrets, and what a sweep removes.

use uuid::Uuid;

use super::super::Sqlite;
use super::{block_on, number};
use crate::ids::{CloudMediaId, MediaId};
use crate::onprem;
use crate::state::{Fate, Medium, Session, StoredUser, Timestamp, TokenHash};

#[test]
fn a_secret_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    block_on(async {
        let state = Sqlite::open(&path).unwrap();
        let (first, again) = tokio::join!(state.secret("a", 32), state.secret("a", 32));
        let (first, again) = (first.unwrap(), again.unwrap());
        let other = state.secret("b", 32).await.unwrap();
        assert_eq!((first.len(), &first), (32, &again));
        assert_ne!(first, other);
        state.close().await;
        let state = Sqlite::open(&path).unwrap();
        assert_eq!(state.secret("a", 32).await.unwrap(), first);
    });
}

#[test]
fn users_are_replaced_by_name_and_number() {
    let folder = tempfile::tempdir().unwrap();
    let state = Sqlite::open(&folder.path().join("state.db")).unwrap();
    let user = |of: &str, hash: &str, changed_here| StoredUser {
        number: number(of),
        name: "admin".to_owned(),
        password_hash: hash.to_owned(),
        changed_here,
    };
    block_on(async {
        for user in [
            user("b", "1", false),
            user("a", "2", false),
            user("b", "3", true),
        ] {
            state.put_user(user).await.unwrap();
        }
        assert!(state.users().await.unwrap() == [user("a", "2", false), user("b", "3", true)]);
    });
}

#[test]
fn what_is_past_is_not_seen_and_a_sweep_removes_it() {
    let folder = tempfile::tempdir().unwrap();
    let state = Sqlite::open(&folder.path().join("state.db")).unwrap();
    let session = |token: u8, until: i64| Session {
        token: TokenHash([token; 32]),
        number: number("support"),
        user: "admin".to_owned(),
        expires_at: Timestamp(until),
    };
    let cloud_id = CloudMediaId::parse("1761991787669262").unwrap();
    let failed = Medium {
        number: number("support"),
        id: Uuid::from_u128(7),
        cloud_id: Some(cloud_id.clone()),
        kind: Some(onprem::media::Kind::Voice),
        mime_type: Some("audio/ogg; codecs=opus".to_owned()),
        sha256: Some([9; 32]),
        length: Some(u64::from(u32::MAX) + 1),
        fate: Fate::Failed {
            error: onprem::Error::MEDIA_UNKNOWN.with("gone"),
            until: Timestamp(20),
        },
        about: None,
    };
    block_on(async {
        for (token, until) in [(1, 10), (2, 20), (3, 30)] {
            state.put_session(session(token, until)).await.unwrap();
            state
                .revoke(TokenHash([token; 32]), Timestamp(until))
                .await
                .unwrap();
        }
        state
            .revoke(TokenHash([3; 32]), Timestamp(1))
            .await
            .unwrap();
        state.put_medium(failed.clone()).await.unwrap();
        let tokens = async |now| {
            let sessions = state.sessions(Timestamp(now)).await.unwrap();
            let sessions: Vec<u8> = sessions.iter().map(|session| session.token.0[0]).collect();
            let revoked = state.revocations(Timestamp(now)).await.unwrap();
            assert_eq!(
                revoked.iter().map(|token| token.0[0]).collect::<Vec<u8>>(),
                sessions
            );
            sessions
        };
        let fate = async || {
            let by_cloud_id = MediaId::Cloud(cloud_id.clone());
            let medium = state
                .medium(&failed.number, &by_cloud_id)
                .await
                .unwrap()
                .unwrap();
            let by_uuid = state
                .medium(&failed.number, &MediaId::Uuid(failed.id))
                .await
                .unwrap();
            assert_eq!(by_uuid.as_ref(), Some(&medium));
            medium.fate
        };
        assert_eq!(
            (tokens(10).await, tokens(5).await),
            (vec![2, 3], vec![1, 2, 3])
        );
        state.sweep(Timestamp(19)).await.unwrap();
        assert_eq!(
            (tokens(0).await, fate().await),
            (vec![2, 3], failed.fate.clone())
        );
        state.sweep(Timestamp(20)).await.unwrap();
        assert_eq!((tokens(0).await, fate().await), (vec![3], Fate::Known));
        state.remove_session(&TokenHash([3; 32])).await.unwrap();
        state.remove_session(&TokenHash([3; 32])).await.unwrap();
        assert!(state.sessions(Timestamp(0)).await.unwrap().is_empty());
    });
}
