"""Online and batch endpoints with their deployments."""

from azure.ai.ml import load_batch_deployment, load_batch_endpoint, load_online_deployment, load_online_endpoint
from azure.ai.ml.entities._load_functions import load_model_batch_deployment, load_pipeline_component_batch_deployment
from azure.core.exceptions import HttpResponseError

from case import Case
from world import gone, keep, secrets, world


class Online(Case):
    def deploy(self, file, **overrides):
        made = self.create(self.ml.online_deployments, self.load(load_online_deployment, file, **overrides))
        self.assertEqual(made.provisioning_state, "Succeeded")
        return self.ml.online_deployments.get(made.name, made.endpoint_name)

    def test_1_endpoint(self):
        made = self.create(self.ml.online_endpoints, self.load(load_online_endpoint, "online/endpoint.yml"))
        self.assertEqual((made.provisioning_state, made.auth_mode, made.tags), ("Succeeded", "key", {"team": "fares"}))
        self.assertTrue(made.scoring_uri.startswith("https://fares-online."))
        self.assertIn("fares-online", self.names(self.ml.online_endpoints.list()))
        keep("online-endpoint/fares-online", "managed")

    def test_2_deployments(self):
        blue = self.deploy("online/blue.yml")
        self.assertEqual((blue.instance_count, blue.request_settings.request_timeout_ms, blue.liveness_probe.timeout), (1, 3000, 4))
        keep("online-deployment/fares-online/blue", "managed")
        green = self.deploy("online/green.yml")
        self.assertEqual(green.readiness_probe.period, 10)
        keep("online-deployment/fares-online/green", "managed")
        self.assertEqual(self.names(self.ml.online_deployments.list("fares-online")), ["blue", "green"])

    def test_3_traffic(self):
        endpoint = self.ml.online_endpoints.get("fares-online")
        endpoint.traffic = {"blue": 90, "green": 10}
        self.create(self.ml.online_endpoints, endpoint)
        self.assertEqual(self.ml.online_endpoints.get("fares-online").traffic, {"blue": 90, "green": 10})
        endpoint.traffic = {"blue": 90, "red": 10}
        self.refused(lambda: self.create(self.ml.online_endpoints, endpoint), error=HttpResponseError)
        self.refused(lambda: self.ml.online_deployments.begin_delete("blue", "fares-online").result(), error=HttpResponseError)

    def test_3_update(self):
        grey = self.deploy("online/blue.yml", name="grey")
        keep("online-deployment/fares-online/grey", "managed")
        grey.instance_count, grey.environment_variables = 3, {"LEVEL": "debug"}
        self.create(self.ml.online_deployments, grey)
        shown = self.ml.online_deployments.get("grey", "fares-online")
        self.assertEqual((shown.instance_count, shown.environment_variables), (3, {"LEVEL": "debug"}))

    def test_3_keys(self):
        """The client sends the key that it read, so the keys stay."""
        keys = self.ml.online_endpoints.get_keys("fares-online")
        self.assertTrue(keys.primary_key and keys.secondary_key)
        secrets.update([keys.primary_key, keys.secondary_key])
        self.ml.online_endpoints.begin_regenerate_keys("fares-online", key_type="secondary").result()

    def test_3_token(self):
        self.create(self.ml.online_endpoints, self.load(load_online_endpoint, "online/endpoint.yml", name="fares-token", auth_mode="aml_token"))
        self.assertTrue(self.ml.online_endpoints.get_keys("fares-token").access_token)
        keep("online-endpoint/fares-token", "managed")

    def test_3_logs(self):
        self.assertIsInstance(self.ml.online_deployments.get_logs("blue", "fares-online", lines=10), str)

    def test_4_kubernetes(self):
        self.create(self.ml.online_endpoints, self.load(load_online_endpoint, "online/k8s-endpoint.yml"))
        keep("online-endpoint/fares-k8s", "kubernetes")
        made = self.deploy("online/k8s-deployment.yml")
        self.assertEqual((made.resources.limits.memory, made.scale_settings.max_instances), ("1Gi", 3))
        keep("online-deployment/fares-k8s/main", "kubernetes")

    def test_5_failure(self):
        """An operation that ends Failed is an error of the client, and the endpoint stays to be seen."""
        world().fault("lro-fail=OutOfQuota,message=no cores are left,collection=onlineEndpoints,times=1")
        self.refused(
            lambda: self.create(self.ml.online_endpoints, self.load(load_online_endpoint, "online/endpoint.yml", name="fares-failed")),
            "OutOfQuota", "no cores are left", error=HttpResponseError,
        )
        self.assertEqual(self.ml.online_endpoints.get("fares-failed").provisioning_state, "Failed")
        self.ml.online_endpoints.begin_delete("fares-failed").result()
        gone("online-endpoint/fares-failed")

    def test_6_delete(self):
        self.create(self.ml.online_endpoints, self.load(load_online_endpoint, "online/endpoint.yml", name="short-lived"))
        self.deploy("online/blue.yml", endpoint_name="short-lived")
        self.deploy("online/green.yml", endpoint_name="short-lived")
        self.ml.online_deployments.begin_delete("green", "short-lived").result()
        self.absent(lambda: self.ml.online_deployments.get("green", "short-lived"))
        self.ml.online_endpoints.begin_delete("short-lived").result()
        self.absent(lambda: self.ml.online_endpoints.get("short-lived"))
        gone("online-endpoint/short-lived")
        gone("online-deployment/short-lived/blue")
        gone("online-deployment/short-lived/green")


class Batch(Case):
    def deploy(self, file, loader=load_model_batch_deployment, **overrides):
        made = self.create(self.ml.batch_deployments, self.load(loader, file, **overrides))
        return self.ml.batch_deployments.get(made.name, made.endpoint_name)

    def test_1_endpoint(self):
        made = self.create(self.ml.batch_endpoints, self.load(load_batch_endpoint, "batch/endpoint.yml"))
        self.assertEqual((made.auth_mode, made.tags), ("aad_token", {"team": "fares"}))
        self.assertTrue(made.scoring_uri.startswith("https://fares-night."))
        self.assertIn("fares-night", self.names(self.ml.batch_endpoints.list()))
        keep("batch-endpoint/fares-night")

    def test_2_by_model(self):
        made = self.deploy("batch/main.yml")
        self.assertEqual((made.output_file_name, made.retry_settings.timeout), ("fares.csv", 30))
        keep("batch-deployment/fares-night/main", "model")

    def test_2_flat(self):
        """The form without settings, which az ml took first."""
        made = self.deploy("batch/flat.yml", load_batch_deployment)
        self.assertEqual(made.name, "flat")
        keep("batch-deployment/fares-night/flat", "model")

    def test_3_by_component(self):
        self.assertEqual(self.deploy("batch/pipeline.yml", load_pipeline_component_batch_deployment).name, "steps")
        keep("batch-deployment/fares-night/steps", "pipeline")
        self.assertEqual(self.names(self.ml.batch_deployments.list("fares-night")), ["flat", "main", "steps"])

    def test_3_the_default(self):
        endpoint = self.ml.batch_endpoints.get("fares-night")
        endpoint.defaults.deployment_name = "main"
        self.create(self.ml.batch_endpoints, endpoint)
        self.assertEqual(self.ml.batch_endpoints.get("fares-night").defaults.deployment_name, "main")

    def test_3_update(self):
        self.deploy("batch/main.yml", name="second")
        self.assertEqual(self.deploy("batch/main.yml", name="second", description="changed").description, "changed")
        keep("batch-deployment/fares-night/second", "model")

    def test_4_delete(self):
        self.create(self.ml.batch_endpoints, self.load(load_batch_endpoint, "batch/endpoint.yml", name="short-night"))
        self.deploy("batch/main.yml", endpoint_name="short-night")
        self.ml.batch_deployments.begin_delete("main", "short-night").result()
        self.absent(lambda: self.ml.batch_deployments.get("main", "short-night"))
        self.ml.batch_endpoints.begin_delete("short-night").result()
        self.absent(lambda: self.ml.batch_endpoints.get("short-night"))
        gone("batch-endpoint/short-night")
        gone("batch-deployment/short-night/main")
