//! Seating plans by their hashed URL. A plan never changes under its URL, so an entry is right for ever; the bound
//! keeps a portal with many shows small, and what falls out is fetched again.

use crate::api_client::{ApiClient, ApiError};
use crate::api_model::Plan;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// A plan of 45,000 seats with counted rows takes some 100 KB here, for geometry is not kept.
const MAX_PLANS: usize = 64;

/// First in, first out: a catalogue has few plans and each costs one read.
#[derive(Default)]
pub(crate) struct PlanCache {
    plans: Mutex<VecDeque<(String, Arc<Plan>)>>,
}

impl PlanCache {
    /// The plan under this URL, from memory or from the API. Two readers may fetch the same plan at once: harmless,
    /// and cheaper than making one wait for the other's connection.
    pub(crate) async fn get(&self, api: &ApiClient, url: &str) -> Result<Arc<Plan>, ApiError> {
        if let Some(plan) = self.remembered(url) {
            return Ok(plan);
        }
        let plan = Arc::new(api.plan(url).await?);
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if !plans.iter().any(|(known, _)| known == url) {
            if plans.len() >= MAX_PLANS {
                plans.pop_front();
            }
            plans.push_back((url.to_owned(), Arc::clone(&plan)));
        }
        Ok(plan)
    }

    fn remembered(&self, url: &str) -> Option<Arc<Plan>> {
        let plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.iter().find(|(known, _)| known == url).map(|(_, plan)| Arc::clone(plan))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::get;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn a_plan_is_fetched_once_and_the_cache_stays_bounded() {
        let reads = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&reads);
        let answer = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            async { r#"{"zones":[]}"# }
        };
        let api = ApiClient::in_process(Router::new().route("/v1/plans/{plan}", get(answer)));
        let cache = PlanCache::default();
        for _ in 0..3 {
            cache.get(&api, "/v1/plans/0.json").await.unwrap();
        }
        assert_eq!(reads.load(Ordering::Relaxed), 1);
        for plan in 1..=MAX_PLANS {
            cache.get(&api, &format!("/v1/plans/{plan}.json")).await.unwrap();
        }
        assert_eq!(cache.plans.lock().unwrap().len(), MAX_PLANS);
    }
}
