//! The simulated gateway as an adapter inside the process: the default when everything runs in one.
//!
//! Answers at once and approves, unless the controls or the buyer's token say otherwise. A delayed call is carried out
//! when its delay ends even if its caller has gone, as at a real gateway; a void that overtakes it wins.
//! The caller's timeout stays with the caller: under `timeout` a call waits for as long as it is polled.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::control::{Call, Control, ControlError, Fate};
use crate::gateway::{
    Authorization, AuthorizeRequest, Capture, ChargeStatus, GatewayError, GatewayFuture, PaymentGateway,
    Refund, Void,
};
use crate::journal::JournalError;
use crate::simulator::{ChargePage, Simulator};

/// Delayed calls held at once; further ones are refused unprocessed, so that a slow gateway cannot fill the memory.
const MAX_DELAYED_CALLS: usize = 65_536;

/// The simulated gateway. Clones share the same charges and controls.
#[derive(Clone)]
pub struct SimulatedGateway {
    shared: Arc<Shared>,
}

struct Shared {
    simulator: Simulator,
    control: RwLock<Control>,
    delayed: Arc<Semaphore>,
}

/// What became of a call, before an adapter puts it into its own words.
pub(crate) enum Outcome<T> {
    Answered(T),
    /// Carried out, and the answer lost.
    Lost,
    /// Not carried out.
    Failed(GatewayError),
}

impl SimulatedGateway {
    /// A gateway that forgets its charges when it is dropped.
    pub fn in_memory() -> Self {
        Self::new(Simulator::in_memory())
    }

    /// A gateway that keeps its charges in the file `path`, made if missing, and knows them again after a crash of
    /// the process. Reads the whole file, some seconds for a million charges; call it off the async threads.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        Ok(Self::new(Simulator::open(path)?))
    }

    fn new(simulator: Simulator) -> Self {
        let delayed = Arc::new(Semaphore::new(MAX_DELAYED_CALLS));
        Self { shared: Arc::new(Shared { simulator, control: RwLock::default(), delayed }) }
    }

    /// The controls in force.
    pub fn control(&self) -> Control {
        self.shared.control.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts other controls in force for calls from now on. Calls already waiting keep their fate.
    pub fn set_control(&self, control: Control) -> Result<(), ControlError> {
        control.validate()?;
        *self.shared.control.write().unwrap_or_else(PoisonError::into_inner) = control;
        Ok(())
    }

    /// Up to `limit` charges in the order in which their keys were first seen, after the key `starting_after`.
    /// `None` if that key is unknown.
    pub fn charges(&self, starting_after: Option<&str>, limit: usize) -> Option<ChargePage> {
        self.shared.simulator.charges(starting_after, limit)
    }

    pub(crate) async fn perform_authorize(&self, request: AuthorizeRequest) -> Outcome<Authorization> {
        let known = self.shared.simulator.knows(&request.key);
        let fate = {
            let control = self.shared.control.read().unwrap_or_else(PoisonError::into_inner);
            control.authorization_fate(&request, known)
        };
        match fate {
            Ok(fate) => {
                self.meet(fate, move |simulator, decline| simulator.authorize(&request, decline)).await
            }
            Err(error) => Outcome::Failed(error),
        }
    }

    pub(crate) async fn perform_capture(&self, key: String) -> Outcome<Capture> {
        self.meet(self.fate(Call::Capture), move |simulator, _| simulator.capture(&key)).await
    }

    pub(crate) async fn perform_void(&self, key: String) -> Outcome<Void> {
        self.meet(self.fate(Call::Void), move |simulator, _| simulator.void(&key)).await
    }

    pub(crate) async fn perform_refund(
        &self,
        refund_key: String,
        order_key: String,
        amount: i64,
    ) -> Outcome<Refund> {
        self.meet(self.fate(Call::Refund), move |simulator, _| {
            simulator.refund(&refund_key, &order_key, amount)
        })
        .await
    }

    pub(crate) async fn perform_status(&self, key: String) -> Outcome<ChargeStatus> {
        self.meet(self.fate(Call::Status), move |simulator, _| simulator.status(&key)).await
    }

    fn fate(&self, call: Call) -> Fate {
        self.shared.control.read().unwrap_or_else(PoisonError::into_inner).fate(call)
    }

    /// Carries a call out as its fate has it.
    async fn meet<T: Send + 'static>(
        &self,
        fate: Fate,
        carry_out: impl FnOnce(&Simulator, bool) -> Result<T, GatewayError> + Send + 'static,
    ) -> Outcome<T> {
        match fate {
            Fate::Outage => {
                Outcome::Failed(GatewayError::unavailable("the simulated gateway is out of service"))
            }
            Fate::NeverAnswered => std::future::pending().await,
            Fate::CarriedOut { delay, decline, answer_lost } => {
                let result = match delay.is_zero() {
                    true => carry_out(&self.shared.simulator, decline),
                    false => self.later(delay, move |simulator| carry_out(simulator, decline)).await,
                };
                match result {
                    Ok(_) if answer_lost => Outcome::Lost,
                    Ok(answer) => Outcome::Answered(answer),
                    Err(error) => Outcome::Failed(error),
                }
            }
        }
    }

    /// Carries a call out after a delay, in a task of its own: it happens even if the caller has gone.
    async fn later<T: Send + 'static>(
        &self,
        delay: Duration,
        carry_out: impl FnOnce(&Simulator) -> Result<T, GatewayError> + Send + 'static,
    ) -> Result<T, GatewayError> {
        let Ok(permit) = Arc::clone(&self.shared.delayed).try_acquire_owned() else {
            return Err(GatewayError::unavailable(format!("{MAX_DELAYED_CALLS} calls are waiting already")));
        };
        let shared = Arc::clone(&self.shared);
        let task = tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            let result = carry_out(&shared.simulator);
            drop(permit);
            result
        });
        task.await.unwrap_or_else(|_| Err(GatewayError::unknown("the runtime is shutting down")))
    }
}

impl<T> Outcome<T> {
    fn into_result(self) -> Result<T, GatewayError> {
        match self {
            Self::Answered(answer) => Ok(answer),
            Self::Lost => Err(GatewayError::unknown("the answer was lost")),
            Self::Failed(error) => Err(error),
        }
    }
}

impl PaymentGateway for SimulatedGateway {
    fn authorize(&self, request: AuthorizeRequest) -> GatewayFuture<'_, Authorization> {
        Box::pin(async move { self.perform_authorize(request).await.into_result() })
    }

    fn capture<'a>(&'a self, key: &'a str) -> GatewayFuture<'a, Capture> {
        Box::pin(async move { self.perform_capture(key.to_owned()).await.into_result() })
    }

    fn void<'a>(&'a self, key: &'a str) -> GatewayFuture<'a, Void> {
        Box::pin(async move { self.perform_void(key.to_owned()).await.into_result() })
    }

    fn refund<'a>(
        &'a self,
        refund_key: &'a str,
        order_key: &'a str,
        amount_minor: i64,
    ) -> GatewayFuture<'a, Refund> {
        Box::pin(async move {
            self.perform_refund(refund_key.to_owned(), order_key.to_owned(), amount_minor).await.into_result()
        })
    }

    fn status<'a>(&'a self, key: &'a str) -> GatewayFuture<'a, ChargeStatus> {
        Box::pin(async move { self.perform_status(key.to_owned()).await.into_result() })
    }
}
