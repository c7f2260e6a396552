//! `GET /api/cutover`: everything about the flags, as JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use serde_json::{Value, json};

use super::super::Admin;
use crate::cutover::{Layer, RampStatus, Ramping, Shown, ShownRoute};

pub(super) async fn show(Shared(admin): Shared<Arc<Admin>>) -> Json<Value> {
    let numbers = admin.cutover.show().await;
    let file = admin.cutover.file_status();
    Json(json!({
        "numbers": numbers.iter().map(number).collect::<Value>(),
        "configuration": {
            "read_at": file.read_at.0,
            "refused": file.refused,
            "needs_restart": file.needs_restart,
        },
    }))
}

fn number(shown: &Shown) -> Value {
    let pins = shown.pins.iter();
    let mut pins: Vec<_> = pins
        .map(|(kind, key, side)| (kind.as_str(), key, side.as_str()))
        .collect();
    pins.sort_unstable();
    let pin = |(kind, key, side)| json!({"kind": kind, "key": key, "side": side});
    json!({
        "number": shown.number.as_str(),
        "has_onprem": shown.has_onprem,
        "killed": shown.killed,
        "unfit": shown.unfit,
        "routes": shown.routes.iter().map(route).collect::<Value>(),
        "pins": pins.into_iter().map(pin).collect::<Value>(),
        "ramps": shown.ramps.iter().map(ramp).collect::<Value>(),
    })
}

fn route(shown: &ShownRoute) -> Value {
    let flag = shown.flag;
    let set = match &shown.layer {
        Layer::File(_) => Value::Null,
        Layer::RunTime(origin) => {
            json!({"by": origin.who, "at": origin.at.0, "reason": origin.reason})
        }
    };
    json!({
        "route": shown.route.as_str(),
        "flag": flag.to_string(),
        "mode": flag.mode.as_str(),
        "answer": flag.answer.as_str(),
        "percent": flag.percent,
        "layer": shown.layer.as_str(),
        "file": shown.file.to_string(),
        "revision": shown.revision.0,
        "set": set,
    })
}

fn ramp(ramping: &Ramping) -> Value {
    let Ramping {
        route,
        ramp,
        figures,
    } = ramping;
    let (status, why) = match ramp.status() {
        RampStatus::Running => ("running", None),
        RampStatus::Done => ("done", None),
        RampStatus::WentBack(why) => ("went back", Some(why)),
    };
    let ((step, steps), asked) = (ramp.place(), ramp.steps());
    json!({
        "route": route.as_str(),
        "status": status,
        "why": why,
        "step": step,
        "steps": steps,
        "percents": asked.percents,
        "every_s": asked.every.as_secs_f64(),
        "max_error_rate": asked.bounds.error_rate,
        "max_mismatch_rate": asked.bounds.mismatch_rate,
        "min_samples": asked.bounds.min_samples,
        "by": ramp.who(),
        "since": ramp.since().0,
        "answered": figures.answered,
        "failed": figures.failed,
        "compared": figures.compared,
        "differed": figures.differed,
    })
}
