"""Where things are and run: datastores, connections and computes."""

from azure.ai.ml import load_compute, load_connection, load_datastore

from case import Case
from world import gone, keep, secrets, world


class Datastores(Case):
    def made(self, file, variant, **overrides):
        made = self.create(self.ml.datastores, self.load(load_datastore, file, **overrides))
        keep(f"datastore/{made.name}", variant)
        return self.ml.datastores.get(made.name)

    def test_a_container(self):
        secrets.add("bm90LWEtcmVhbC1rZXk=")
        made = self.made("datastores/blob.yml", "azure_blob")
        self.assertEqual((made.account_name, made.container_name, made.tags), ("rides", "raw", {"team": "fares"}))
        shown = self.ml.datastores.get("raw", include_secrets=True)
        self.assertTrue(shown.credentials.sas_token if hasattr(shown.credentials, "sas_token") else shown.credentials.account_key)

    def test_a_container_without_credentials(self):
        self.made("datastores/open.yml", "azure_blob")
        self.ml.datastores.get("open_rides", include_secrets=True)

    def test_a_share(self):
        secrets.add("?sv=2026&sig=not-a-real-signature")
        self.assertEqual(self.made("datastores/file.yml", "azure_file").file_share_name, "share")

    def test_a_lake(self):
        secrets.add("not-a-real-secret")
        made = self.made("datastores/gen2.yml", "azure_data_lake_gen2")
        self.assertEqual(made.credentials.client_id, "22222222-2222-2222-2222-222222222222")

    def test_an_old_lake(self):
        secrets.add("not-a-real-secret")
        self.assertEqual(self.made("datastores/gen1.yml", "azure_data_lake_gen1").store_name, "old")

    def test_a_fabric(self):
        self.assertEqual(self.made("datastores/onelake.yml", "one_lake").artifact.name, "rides")

    def test_the_default(self):
        self.assertEqual(self.ml.datastores.get_default().name, "workspaceblobstore")
        for name in ("workspaceblobstore", "workspaceartifactstore", "workspacefilestore", "workspaceworkingdirectory"):
            self.assertIn(name, self.names(self.ml.datastores.list()))
            gone(f"datastore/{name}")

    def test_update_and_delete(self):
        store = self.load(load_datastore, "datastores/open.yml", name="short_lived")
        self.create(self.ml.datastores, store)
        store.description = "changed"
        self.create(self.ml.datastores, store)
        self.assertEqual(self.ml.datastores.get("short_lived").description, "changed")
        self.ml.datastores.delete("short_lived")
        self.absent(lambda: self.ml.datastores.get("short_lived"))
        gone("datastore/short_lived")


class Connections(Case):
    def made(self, file):
        made = self.create(self.ml.connections, self.load(load_connection, file))
        keep(f"connection/{made.name}")
        self.assertIn(made.name, self.names(self.ml.connections.list()))
        return self.ml.connections.get(made.name)

    def test_git(self):
        secrets.add("not-a-real-token")
        self.assertEqual(self.made("connections/git.yml").target, "https://git.example.com/rides")

    def test_container_registry(self):
        secrets.add("not-a-real-password")
        self.assertEqual(self.made("connections/registry.yml").credentials.type, "username_password")

    def test_open_ai(self):
        secrets.add("not-a-real-api-key")
        made = self.made("connections/openai.yml")
        self.assertEqual((made.type, made.api_version), ("azure_open_ai", "2024-02-01"))

    def test_search(self):
        secrets.add("not-a-real-search-key")
        self.made("connections/search.yml")

    def test_custom(self):
        secrets.add("not-a-real-custom-key")
        self.assertEqual(self.made("connections/custom.yml").tags["use"], "tests")

    def test_secrets_on_request(self):
        connection = self.load(load_connection, "connections/search.yml", name="secret-search")
        self.create(self.ml.connections, connection)
        self.assertIsNone(self.ml.connections.get("secret-search").api_key)
        self.assertEqual(self.ml.connections.get("secret-search", populate_secrets=True).api_key, "not-a-real-search-key")
        keep("connection/secret-search")

    def test_update_and_delete(self):
        connection = self.load(load_connection, "connections/git.yml", name="short-lived")
        self.create(self.ml.connections, connection)
        moved = self.load(load_connection, "connections/git.yml", name="short-lived", target="https://git.example.com/moved")
        self.create(self.ml.connections, moved)
        self.assertEqual(self.ml.connections.get("short-lived").target, "https://git.example.com/moved")
        self.ml.connections.delete("short-lived")
        self.absent(lambda: self.ml.connections.get("short-lived"))
        gone("connection/short-lived")


class Computes(Case):
    def made(self, file, variant, **overrides):
        made = self.create(self.ml.compute, self.load(load_compute, file, **overrides))
        self.assertEqual(made.provisioning_state, "Succeeded")
        self.assertIn(made.name, self.names(self.ml.compute.list()))
        keep(f"compute/{made.name}", variant)
        return self.ml.compute.get(made.name)

    def test_a_cluster(self):
        made = self.made("computes/cluster.yml", "amlcompute")
        self.assertEqual((made.size, made.max_instances, made.idle_time_before_scale_down), ("STANDARD_DS3_V2", 4, 120))
        self.assertEqual(list(self.ml.compute.list_nodes("cpu")), [])

    def test_an_instance(self):
        self.assertEqual(self.made("computes/instance.yml", "computeinstance").idle_time_before_shutdown_minutes, 60)
        for verb, state in ((self.ml.compute.begin_stop, "Stopped"), (self.ml.compute.begin_start, "Running"), (self.ml.compute.begin_restart, "Running")):
            verb("ann-notebook").result()
            self.assertEqual(self.ml.compute.get("ann-notebook").state, state)

    def test_kubernetes(self):
        self.assertEqual(self.made("computes/kubernetes.yml", "kubernetes").namespace, "ml")

    def test_a_machine(self):
        secrets.add("not-a-real-password")
        self.made("computes/machine.yml", "virtualmachine")

    def test_synapse(self):
        self.made("computes/synapse.yml", "synapsespark")

    def test_update(self):
        cluster = self.made("computes/cluster.yml", "amlcompute", name="cpu-2")
        cluster.max_instances, cluster.idle_time_before_scale_down = 6, 300
        self.ml.compute.begin_update(cluster).result()
        shown = self.ml.compute.get("cpu-2")
        self.assertEqual((shown.max_instances, shown.idle_time_before_scale_down), (6, 300))

    def test_what_is_fixed(self):
        self.made("computes/cluster.yml", "amlcompute", name="cpu-3")
        other = self.load(load_compute, "computes/cluster.yml", name="cpu-3", size="STANDARD_NC6")
        self.refused(lambda: self.create(self.ml.compute, other), "cannot be changed")

    def test_delete_and_detach(self):
        self.create(self.ml.compute, self.load(load_compute, "computes/cluster.yml", name="short-lived"))
        self.ml.compute.begin_delete("short-lived").result()
        self.absent(lambda: self.ml.compute.get("short-lived"))
        self.create(self.ml.compute, self.load(load_compute, "computes/kubernetes.yml", name="detached"))
        self.ml.compute.begin_delete("detached", action="Detach").result()
        self.absent(lambda: self.ml.compute.get("detached"))
        gone("compute/short-lived")
        gone("compute/detached")

    def test_sizes(self):
        self.assertIn("Standard_DS3_v2".lower(), [s.name.lower() for s in self.ml.compute.list_sizes()])
