//! Kernels of a Jupyter Server: its REST interface (`rest`), the messages on its websocket (`frames`), the connection
//! (`link`), marks where output was lost (`gap`), and the task that drives a session (`driver`).
mod driver;
mod frames;
mod gap;
mod link;
mod rest;

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

use super::{
    KernelSpec, Kernels,
    order::{Order, Shared},
};
use crate::{
    base::{Error, Result, job::JobCtx},
    engine::secrets::{Layered, Secret, SecretStore as _},
    model::jupyter::{Listing, Server},
};
use driver::Driver;
use rest::Client;

impl Kernels {
    /// Where the tokens of servers are.
    pub fn secrets(&self) -> &Layered {
        &self.secrets
    }

    /// What the server at `url` has, or the first thing that is wrong with it. Waits for its answers.
    pub fn listing(&self, url: &str, token: Option<&Secret>, cx: &JobCtx) -> Result<Listing> {
        let client = Client::new(url, token)?;
        self.wait_for(cx, async move { client.listing().await })
    }

    /// The same with the token that is kept for it.
    pub fn listing_of(&self, url: &str, cx: &JobCtx) -> Result<Listing> {
        let token = self.secrets.get(&Server::secret_of(url))?;
        self.listing(url, token.as_ref(), cx)
    }

    /// Ends a kernel of a server.
    pub fn stop_on_server(&self, url: &str, kernel: &str, cx: &JobCtx) -> Result<()> {
        let (client, kernel) = (self.client(url)?, kernel.to_owned());
        self.wait_for(cx, async move { client.stop(&kernel).await })
    }

    pub(super) fn remote_driver(
        &self,
        spec: &KernelSpec,
        orders: mpsc::Receiver<Order>,
        shared: Arc<Shared>,
    ) -> Result<Driver> {
        let Some(remote) = spec.remote.clone() else {
            return Err(Error::bug("A kernel of this machine was looked for on a server"));
        };
        let client = Arc::new(self.client(&remote.server)?);
        Ok(Driver::new(spec, remote, client, orders, shared, self.clock.clone()))
    }

    fn client(&self, url: &str) -> Result<Client> {
        let token = self.secrets.get(&Server::secret_of(url))?;
        Client::new(url, token.as_ref())
    }

    fn wait_for<T>(&self, cx: &JobCtx, work: impl Future<Output = Result<T>>) -> Result<T> {
        let cancelled = async {
            while !cx.cancel.is_cancelled() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        self.runtime()?.block_on(async {
            tokio::select! {
                result = work => result,
                () = cancelled => Err(Error::cancelled()),
            }
        })
    }
}
