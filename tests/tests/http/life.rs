//! Two users, the service, and one job's whole life, as far as a test needs it.

use pg_lora_tests::Caller;
use pg_lora_tests::story::{add_dataset, claim, complete, point, queue_job, ready_dataset, report, sign_up};
use postgres::Client as Connection;
use serde_json::{Value, json};

use crate::client::{Client, Platform};

/// Who is there, each with a client of their own.
pub struct Life {
    pub alice: Client,
    pub bob: Client,
    pub service: Client,
    pub nobody: Client,
    /// Alice's id, as it is in auth.users.
    pub alice_id: String,
    /// Bob's.
    pub bob_id: String,
    /// The superuser's own connection, for what no client does.
    pub db: Connection,
    pub platform: Platform,
}

impl Life {
    pub fn begin() -> Self {
        let platform = Platform::migrated();
        let mut db = platform.database.connect();
        let alice = sign_up(&mut db, "alice");
        let bob = sign_up(&mut db, "bob");
        Self {
            alice: platform.client(&alice),
            bob: platform.client(&bob),
            service: platform.client(&Caller::service()),
            nobody: platform.client(&Caller::anon()),
            alice_id: alice.id().to_owned(),
            bob_id: bob.id().to_owned(),
            db,
            platform,
        }
    }

    /// Alice, for the steps of a story.
    pub fn caller(&self) -> Caller {
        Caller::user(&self.alice_id)
    }

    /// A dataset of Alice's with three pairs; answers its id.
    pub fn ready_dataset(&mut self) -> String {
        let alice = self.caller();
        ready_dataset(&mut self.db, &alice, 3)
    }

    /// A dataset of Alice's that is not uploaded yet; answers its id.
    pub fn new_dataset(&mut self) -> String {
        let alice = self.caller();
        add_dataset(&mut self.db, &alice, 10)
    }

    /// A job of Alice's in the queue; answers its id.
    pub fn queued_job(&mut self, dataset: &str) -> String {
        let alice = self.caller();
        queue_job(&mut self.db, &alice, dataset, 10)
    }

    /// The same, claimed by a worker and complete after two steps.
    pub fn completed_job(&mut self, dataset: &str) -> String {
        let job = self.queued_job(dataset);
        assert_eq!(claim(&mut self.db, "w"), job);
        for (step, loss) in [(1, 2.5), (2, 2.0)] {
            report(&mut self.db, &job, json!([point(step, json!(loss))])).unwrap();
        }
        complete(&mut self.db, &job).unwrap();
        job
    }

    /// What the service stores after a job, as the application sends it.
    pub fn artifact(&self, job: &str, dataset: &str) -> Value {
        json!({
            "user_id": self.alice_id, "job_id": job, "dataset_id": dataset,
            "name": "Bicycle support", "version": "1.0.0", "status": "stored",
            "quality_metrics": {"overall_score": 4.2, "final_training_loss": 0.31},
            "training_summary": {"epochs_completed": 3, "total_steps": 33},
            "configuration": {"preset": "balanced"},
            "artifacts": {"adapter": {"path": "a/adapter.safetensors", "size": 1024}},
        })
    }
}
