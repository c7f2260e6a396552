//! No query of the hot path reads a table or an index from end to end, or sorts.

use super::super::{
    Sqlite, baselines, comparisons, cutover, events, jobs, kept, media, operators, pairs, telling,
    users,
};
use super::block_on;

async fn plan(state: &Sqlite, sql: &'static str) -> Vec<String> {
    let explain = move |conn: &rusqlite::Connection| {
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
        let mut rows = statement.raw_query();
        let mut steps = Vec::new();
        while let Some(row) = rows.next()? {
            steps.push(row.get(3)?);
        }
        Ok(steps)
    };
    state.read(explain).await.unwrap()
}

const HOT: [&str; 73] = [
    jobs::INSERT,
    jobs::INSERT_IN_LANE,
    jobs::LANE_IS_BUSY,
    jobs::UNBLOCK,
    jobs::LEASE,
    jobs::FINISH,
    jobs::RETRY,
    jobs::RELEASE,
    jobs::BURY,
    jobs::NEXT_DUE,
    jobs::NEXT_NUMBER,
    jobs::PULL_IN,
    jobs::UNLEASE,
    operators::CREATED_AT,
    operators::BURIED,
    operators::KEY_IS_TAKEN,
    operators::DROP,
    operators::REDRIVE,
    events::SEE,
    events::NAME,
    events::ALIAS,
    events::HASTEN,
    kept::KEEP,
    kept::TRIM,
    kept::ONE,
    media::PUT,
    media::INTRODUCE,
    media::BY_CLOUD_ID,
    media::BY_UUID,
    media::FORGIVE,
    users::PUT_USER,
    users::SESSIONS,
    users::PUT_SESSION,
    users::REMOVE_SESSION,
    users::REVOCATIONS,
    users::REVOKE,
    users::MAKE_SECRET,
    users::SECRET,
    users::EXPIRE_SESSIONS,
    users::EXPIRE_REVOCATIONS,
    cutover::APPEND,
    cutover::SET_FLAG,
    cutover::RESET_FLAG,
    cutover::PIN,
    cutover::UNPIN,
    cutover::PUT_RAMP,
    cutover::DROP_RAMP,
    pairs::NEWEST,
    pairs::OPEN,
    pairs::OPEN_SIDES,
    pairs::OWE,
    pairs::ACKNOWLEDGE,
    pairs::FIND,
    pairs::SWEEP_SIDES,
    pairs::SWEEP,
    telling::END,
    telling::ENDED,
    telling::HASTEN,
    telling::TELL,
    telling::OWE_LESS,
    telling::WITHHOLD,
    telling::WITHHELD,
    telling::FORGET,
    telling::CLOSE,
    comparisons::PUT,
    comparisons::DROP_OLDEST,
    comparisons::PAGE,
    comparisons::SWEEP,
    comparisons::ADD_NOISE,
    baselines::PUT,
    baselines::FIND,
    baselines::PAGE,
    baselines::CLEAR_NUMBER,
];

#[test]
fn hot_queries_search_and_never_scan() {
    let folder = tempfile::tempdir().unwrap();
    let state = Sqlite::open(&folder.path().join("state.db")).unwrap();
    block_on(async {
        for sql in HOT {
            for step in plan(&state, sql).await {
                let searches = step.starts_with("SEARCH") || step.starts_with("LIST SUBQUERY");
                let harmless = step.starts_with("SCALAR SUBQUERY") || step == "SCAN CONSTANT ROW";
                let harmless = harmless || step == "SCAN 2-ROW VALUES CLAUSE";
                assert!(searches || harmless, "{step}\n{sql}");
            }
        }
        let backlog = plan(&state, operators::BACKLOG).await;
        assert_eq!(backlog, ["SCAN jobs USING COVERING INDEX jobs_by_state"]);
        let buried = plan(&state, operators::LIST_BURIED).await;
        assert_eq!(buried, ["SCAN jobs USING INDEX jobs_buried"]);
        assert_eq!(plan(&state, operators::LIST).await, ["SCAN jobs"]);
    });
}

/// An index that fits as well to the engine may still hold every job of a number.
#[test]
fn a_lane_is_looked_up_among_its_own_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let state = Sqlite::open(&folder.path().join("state.db")).unwrap();
    block_on(async {
        for sql in [jobs::LANE_IS_BUSY, jobs::UNBLOCK] {
            let steps = plan(&state, sql).await;
            let uses_lane = |step: &String| step.contains("jobs_by_lane");
            assert!(steps.iter().any(uses_lane), "{sql}\n{steps:#?}");
        }
    });
}
