//! A retry download that is compared: both sides are asked, one pair is opened, and the relay ends it when both
//! outcomes are known. What the integration is told, and by whom, is decided where the pair is kept.

use std::sync::Arc;
use std::time::Instant;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

use super::respond::{self, ProxyError};
use super::shadow::{Comparing, Repeatable};
use super::{Call, Proxy};
use crate::compare::Attempt;
use crate::config::Against;
use crate::http::Body;
use crate::ids::MediaId;
use crate::jobs::{FetchOrder, PairOutcome};
use crate::onprem::Meta;
use crate::onprem::media::{Accepted, AcceptedItem};
use crate::route::{Route, Side};
use crate::state::{Ack, NewPair, Offer, Opened, PairId, State, Timestamp};
use crate::telemetry::millis;

impl Proxy {
    pub(super) async fn compare_download(
        &self,
        call: &Call<'_>,
        id: &str,
        answer: Side,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        self.authenticate(call, request.headers()).await?;
        let Some(id) = MediaId::parse(id) else {
            return match answer {
                Side::OnPrem => {
                    self.forward(call, Some(Route::MediaDownload), request)
                        .await
                }
                Side::Cloud => Err(ProxyError::UnknownPath),
            };
        };
        match answer {
            Side::OnPrem => self.download_from_onprem(call, &id, request).await,
            Side::Cloud => self.download_from_cloud(call, &id, request).await,
        }
    }

    /// The old client answers, and calls back; what Cloud comes to is found out beside it.
    async fn download_from_onprem(
        &self,
        call: &Call<'_>,
        id: &MediaId,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        let (parts, incoming) = request.into_parts();
        let comparing = self.comparing(
            call,
            Route::MediaDownload,
            &id.to_string(),
            &parts,
            Side::OnPrem,
        );
        let body = Body::passing(
            incoming,
            self.limits.upload_bytes,
            self.limits.body_idle_timeout,
        );
        let Some(comparing) = comparing else {
            self.state
                .owe(&call.number.config.name, &id.to_string())
                .await?;
            return Ok(self.hand_back(self.pass(call, parts, body).await?));
        };
        // The state takes writes in the order in which they are asked for, so the pair is there before any callback that
        // the question causes, although nobody waits for it here.
        let asked = Instant::now();
        let opening = self.open_pair(&comparing, id, Side::OnPrem);
        let asking = self.pass(call, parts, body);
        let (opened, answer) = tokio::join!(biased; opening, asking);
        let took = asked.elapsed();
        let status = answer.as_ref().ok().map(|answer| answer.status());
        let pair = match opened {
            Ok(opened) => opened.id(),
            Err(error) => {
                tracing::warn!(number = %call.number.config.name, error = &error as &dyn std::error::Error, "a retry download is not compared");
                comparing.comparisons.skipped(&comparing.about, "state");
                // While an older pair of the medium is known, a callback that is not owed is taken for a repetition; so
                // without that written down none may be promised.
                self.state
                    .owe(&call.number.config.name, &id.to_string())
                    .await?;
                return answer.map(|answer| self.hand_back(answer));
            }
        };
        let state = self.state.clone();
        let refusal = (!status.is_some_and(|status| status.is_success())).then(|| Offer {
            number: call.number.config.name.clone(),
            medium: id.to_string(),
            side: Side::OnPrem,
            outcome: PairOutcome::Refused {
                status: status.map(|status| status.as_u16()),
            }
            .write(),
            callback: None,
        });
        let onprem = ack(status, took);
        let cloud = ack(Some(StatusCode::OK), took);
        if refusal.is_some() {
            // Before the caller knows of it, or a crash would make of the refused request one that waits for a callback.
            keep(&state, pair, onprem, cloud, refusal).await;
        } else {
            let number = Arc::clone(call.number);
            number.shadow.spawn(comparing.permit, async move {
                keep(&state, pair, onprem, cloud, None).await;
            });
        }
        answer.map(|answer| self.hand_back(answer))
    }

    /// The bridge answers, and calls back; what on-prem comes to is found out beside it.
    async fn download_from_cloud(
        &self,
        call: &Call<'_>,
        id: &MediaId,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        let (parts, _) = request.into_parts();
        call.number.take_turn()?;
        let comparing = self.comparing(
            call,
            Route::MediaDownload,
            &id.to_string(),
            &parts,
            Side::Cloud,
        );
        let Some(comparing) = comparing else {
            return self.accept(call, id).await;
        };
        let asked = Instant::now();
        let opened = self.open_pair(&comparing, id, Side::Cloud).await?;
        let cloud = ack(Some(StatusCode::OK), asked.elapsed());
        call.number
            .metrics
            .acknowledged(matches!(opened, Opened::Joined(_)));
        if let Some(question) = Repeatable::of(Route::MediaDownload, &parts, bytes::Bytes::new()) {
            self.ask_behind(comparing, id, opened, cloud, question);
        }
        Ok(acknowledged(id, &call.number.config.compat.version))
    }

    fn ask_behind(
        &self,
        comparing: Comparing,
        id: &MediaId,
        opened: Opened,
        cloud: Ack,
        question: Repeatable,
    ) {
        let Comparing {
            number,
            config,
            about,
            permit,
            ..
        } = comparing;
        let (state, medium) = (self.state.clone(), id.to_string());
        let runs = Arc::clone(&number);
        number.shadow.spawn(permit, async move {
            let (onprem, outcome) = match config.against {
                Against::Recorded => (
                    Ack {
                        status: None,
                        took_ms: 0,
                    },
                    Some(PairOutcome::Recorded),
                ),
                Against::Live => match runs.ask_onprem_within(&question, &config).await {
                    Attempt::Answered(answer) if answer.status < 300 => (
                        Ack {
                            status: Some(answer.status),
                            took_ms: millis(answer.took),
                        },
                        None,
                    ),
                    Attempt::Answered(answer) => (
                        Ack {
                            status: Some(answer.status),
                            took_ms: millis(answer.took),
                        },
                        Some(PairOutcome::Refused {
                            status: Some(answer.status),
                        }),
                    ),
                    Attempt::Failed { took, .. } => (
                        Ack {
                            status: None,
                            took_ms: millis(took),
                        },
                        Some(PairOutcome::Refused { status: None }),
                    ),
                    Attempt::NotComparable { .. } => (
                        Ack {
                            status: None,
                            took_ms: 0,
                        },
                        None,
                    ),
                },
            };
            let outcome = match outcome {
                Some(_) if refuses_nobody(&state, opened).await => None,
                outcome => outcome,
            };
            let offer = outcome.map(|outcome| Offer {
                number: about.number.clone(),
                medium,
                side: Side::OnPrem,
                outcome: outcome.write(),
                callback: None,
            });
            keep(&state, opened.id(), onprem, cloud, offer).await;
        });
    }

    async fn open_pair(
        &self,
        comparing: &Comparing,
        id: &MediaId,
        answer: Side,
    ) -> Result<Opened, crate::state::StateError> {
        let number = comparing.about.number.clone();
        let fetch = FetchOrder::new(id).job(&number);
        let pair = NewPair {
            number,
            medium: id.to_string(),
            answer,
            deadline: Timestamp::now().after(comparing.config.callback_deadline),
        };
        self.state.open_pair(pair, Some(fetch)).await
    }

    /// The plain way: a job, and its acknowledgement.
    pub(super) async fn accept(
        &self,
        call: &Call<'_>,
        id: &MediaId,
    ) -> Result<Response<Body>, ProxyError> {
        // A pair of this medium that is known must not take this request's callback for one too many.
        self.state
            .owe(&call.number.config.name, &id.to_string())
            .await?;
        let job = FetchOrder::new(id).job(&call.number.config.name);
        let enqueued = self.state.enqueue(job).await?;
        call.number
            .metrics
            .acknowledged(enqueued == crate::state::Enqueued::Joined);
        Ok(acknowledged(id, &call.number.config.compat.version))
    }
}

/// The documented answer to an accepted retry download.
pub(super) fn acknowledged(id: &MediaId, version: &str) -> Response<Body> {
    let id = id.to_string();
    let accepted = Accepted {
        media_items: [AcceptedItem { id: &id }],
        meta: Meta::stable(version),
    };
    respond::json(StatusCode::OK, &accepted)
}

fn ack(status: Option<StatusCode>, took: std::time::Duration) -> Ack {
    Ack {
        status: status.map(|status| status.as_u16()),
        took_ms: millis(took),
    }
}

/// Whether a refusal of on-prem's would be taken for the caller's, who was accepted here: where the pair was opened while
/// on-prem answered.
async fn refuses_nobody(state: &State, opened: Opened) -> bool {
    match opened {
        Opened::New(_) => false,
        Opened::Joined(id) => {
            let pair = state.pair(id).await;
            !matches!(pair, Ok(Some(pair)) if pair.answer == Side::Cloud)
        }
    }
}

async fn keep(state: &State, pair: PairId, onprem: Ack, cloud: Ack, offer: Option<Offer>) {
    let offering = async {
        match offer {
            Some(offer) => state.offer(offer).await.map(drop),
            None => Ok(()),
        }
    };
    // In this order and in one commit, before any callback if that can be.
    let kept = tokio::try_join!(
        biased;
        state.acknowledged(pair, Side::OnPrem, onprem),
        state.acknowledged(pair, Side::Cloud, cloud),
        offering,
    );
    if let Err(error) = kept {
        // The pair ends at its deadline all the same.
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "what a side said of a retry download is not kept"
        );
    }
}
