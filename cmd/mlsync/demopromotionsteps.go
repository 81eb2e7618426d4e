package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// trainFirst lets the daemon apply the first commit, which runs the training.
func (d *promotionDemo) trainFirst(ctx context.Context) error {
	d.title("A daemon applies the commit to each workspace; dev trains")
	if err := d.emu.answer(ctx, map[string]any{"endpoint": "fares", "body": map[string]any{"fare": 12.5}}); err != nil {
		return err
	}
	if err := d.startDaemon(ctx, ""); err != nil {
		return err
	}
	return d.train(ctx, "fares-1", "2.60")
}

// train waits for the run of a job and does what its program would have done:
// it leaves a model behind and notes how good it is.
func (d *promotionDemo) train(ctx context.Context, job, mae string) error {
	if err := d.until(ctx, "the commit is applied to dev", func() bool { return d.applied(ctx, "dev") }); err != nil {
		return err
	}
	scope, err := d.scope("dev")
	if err != nil {
		return err
	}
	err = d.until(ctx, "the run has ended", func() bool {
		body, err := d.live(ctx, "dev", "job/"+job)
		return err == nil && body.GetPath("properties", "status").Str() == "Completed"
	})
	if err != nil {
		return err
	}
	for name, text := range map[string]string{"MLmodel": "flavors: {sklearn: {pickled_model: model.pkl}}\n", "model.pkl": "a model of " + job + "\n"} {
		if err := d.emu.leave(ctx, scope.WorkspaceID(), job, "model/"+name, []byte(text)); err != nil {
			return err
		}
	}
	if err := d.emu.note(ctx, scope.WorkspaceID()+"/jobs/"+job, map[string]string{"mae": mae}); err != nil {
		return err
	}
	d.printf("job/%s has ended, left a model behind and noted mae %s\n\n", job, mae)
	return nil
}

// deploy registers the model and serves it in dev.
func (d *promotionDemo) deploy(ctx context.Context) error {
	d.title("The model is registered and served in dev: one more commit")
	if err := d.copyExample(later); err != nil {
		return err
	}
	if err := d.commit(ctx, "fares 1, served by blue"); err != nil {
		return err
	}
	if err := d.until(ctx, "the commit is applied", func() bool { return d.applied(ctx) }); err != nil {
		return err
	}
	if err := d.call(exitDone, []string{"plan", "--target", "dev", "--exit-code"}, "No changes"); err != nil {
		return err
	}
	return d.call(exitDone, []string{"lineage", "model/fares:1", "--target", "dev"}, "made by job/fares-1 in dev (mae 2.60)", "took data/rides:2025-06 in dev")
}

// release makes the first release.
func (d *promotionDemo) release(ctx context.Context) error {
	d.title("A release: the endpoint with all that it needs, every byte hashed")
	if err := d.call(exitDone, []string{"release", "create", "fares-1", "online-endpoint/fares", "--from", "dev"}, "made by job/fares-1", "(mae 2.60)"); err != nil {
		return err
	}
	return d.commit(ctx, "release fares-1")
}

// toTest promotes the first release to test.
func (d *promotionDemo) toTest(ctx context.Context) error {
	d.title("Promoted to test: a commit with pinned files; the daemon does the rest, bytes first")
	if err := d.promote(ctx, "fares-1", "test"); err != nil {
		return err
	}
	return d.call(exitDone, []string{"promote", "fares-1", "--to", "test"}, "target test is at it already: nothing to do")
}

// promote pushes a promotion and waits until the target is what it says.
func (d *promotionDemo) promote(ctx context.Context, release, target string) error {
	if err := d.call(exitDone, []string{"promote", release, "--to", target, "--branch", "main"}, "pushed"); err != nil {
		return err
	}
	if err := d.pull(ctx); err != nil {
		return err
	}
	return d.at(ctx, release, target)
}

// at waits until a target has a release, which must be as it says, and shows
// that nothing is left to do.
func (d *promotionDemo) at(ctx context.Context, release, target string) error {
	if err := d.until(ctx, "the promotion is applied to "+target, func() bool { return d.applied(ctx, target) }); err != nil {
		return err
	}
	if err := d.call(exitDone, []string{"release", "verify", release, "--target", target, "--quiet"}, "are what it says"); err != nil {
		return err
	}
	return d.call(exitDone, []string{"plan", "--target", target, "--exit-code"}, "No changes")
}

// toProd promotes it to prod, with a size of prod's own.
func (d *promotionDemo) toProd(ctx context.Context) error {
	d.title("Promoted to prod: sizes are prod's own, and its gates look first")
	if err := d.call(exitDone, []string{"promote", "fares-1", "--to", "prod"}, "instance_count: 1", "wrote"); err != nil {
		return err
	}
	if err := d.call(exitDone, []string{"plan", "--target", "prod"}, "1 instance is little for prod"); err != nil {
		return err
	}
	d.printf("prod gets 3 instances: its pinned file is changed before it is committed\n")
	if err := d.edit("overlays/prod/online-endpoints/fares/deployments/blue.yml", "instance_count: 1", "instance_count: 3"); err != nil {
		return err
	}
	if err := d.commit(ctx, "promote fares-1 to prod"); err != nil {
		return err
	}
	if err := d.at(ctx, "fares-1", "prod"); err != nil {
		return err
	}
	if err := d.size(ctx, 3); err != nil {
		return err
	}
	return d.call(exitDone, []string{"gates"}, "release fares-1 is taken", "mae of fares:1 is 2.6")
}

// size checks how many instances prod has.
func (d *promotionDemo) size(ctx context.Context, want int64) error {
	body, err := d.live(ctx, "prod", "online-deployment/fares/blue")
	if err != nil {
		return err
	}
	if n, _ := body.GetPath("sku", "capacity").Int64(); n != want {
		return fmt.Errorf("blue of prod has %d instances, want %d", n, want)
	}
	return nil
}

// worse trains a model that a gate of prod refuses.
func (d *promotionDemo) worse(ctx context.Context) error {
	d.title("Another model, served by green beside blue. It is worse, and prod does not take it")
	if err := d.retrain(ctx, "1", "2", "3.40", "trees: 50", "trees: 5"); err != nil {
		return err
	}
	green := []byte("$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json\nname: green\nendpoint_name: fares\nmodel: azureml:fares:2\n" +
		"code_configuration:\n  code: ../../../src/score\n  scoring_script: score.py\nenvironment: azureml:fares-serve@latest\ninstance_type: Standard_DS2_v2\ninstance_count: 1\n")
	if err := d.write("assets/online-endpoints/fares/deployments/green.yml", green); err != nil {
		return err
	}
	if err := d.served(ctx, "2"); err != nil {
		return err
	}
	if err := d.call(exitDone, []string{"promote", "fares-2", "--to", "prod", "--branch", "main"}, "pushed"); err != nil {
		return err
	}
	if err := d.pull(ctx); err != nil {
		return err
	}
	err := d.until(ctx, "prod refuses it", func() bool {
		_, out := d.ask("gates")
		return strings.Contains(out, "release fares-2 is refused")
	})
	if err != nil {
		return err
	}
	if err := d.call(exitDone, []string{"gates"}, "failed   quality: mae of fares:2 is 3.4, more than 3"); err != nil {
		return err
	}
	for _, id := range []string{"model/fares:2", "online-deployment/fares/green"} {
		if body, err := d.live(ctx, "prod", id); err != nil || body != nil {
			return errors.Join(err, fmt.Errorf("%s is in prod, whose gate has failed", id))
		}
	}
	return nil
}

// retrain runs the training again under the next number, and registers the
// model in dev.
func (d *promotionDemo) retrain(ctx context.Context, old, n, mae, from, to string) error {
	if err := errors.Join(d.edit("assets/jobs/train.yml", "name: fares-"+old, "name: fares-"+n), d.edit("assets/jobs/train.yml", from, to)); err != nil {
		return err
	}
	if err := d.commit(ctx, "train with "+to); err != nil {
		return err
	}
	if err := d.train(ctx, "fares-"+n, mae); err != nil {
		return err
	}
	// Versions that deployments refer to stay in git.
	name := "assets/models/fares.yml"
	if old != "1" {
		name = "assets/models/fares-" + old + ".yml"
	}
	return d.copied(name, "assets/models/fares-"+n+".yml", map[string]string{`version: "` + old + `"`: `version: "` + n + `"`, "jobs/fares-" + old + "/": "jobs/fares-" + n + "/"})
}

// served commits what was changed for a model, releases it and promotes it to
// test.
func (d *promotionDemo) served(ctx context.Context, n string) error {
	if err := d.commit(ctx, "fares "+n+", served by green"); err != nil {
		return err
	}
	if err := d.until(ctx, "the commit is applied", func() bool { return d.applied(ctx, "dev", "test") }); err != nil {
		return err
	}
	if err := d.call(exitDone, []string{"release", "create", "fares-" + n, "online-endpoint/fares", "--from", "dev"}, "model/fares:"+n); err != nil {
		return err
	}
	if err := d.commit(ctx, "release fares-"+n); err != nil {
		return err
	}
	return d.promote(ctx, "fares-"+n, "test")
}

// better trains a model that prod takes.
func (d *promotionDemo) better(ctx context.Context) error {
	d.title("The fix: a better model. Prod takes it; green gets no traffic yet, sizes stay")
	if err := d.retrain(ctx, "2", "3", "1.90", "trees: 5", "trees: 200"); err != nil {
		return err
	}
	if err := d.edit("assets/online-endpoints/fares/deployments/green.yml", "model: azureml:fares:2", "model: azureml:fares:3"); err != nil {
		return err
	}
	if err := d.served(ctx, "3"); err != nil {
		return err
	}
	if err := d.promote(ctx, "fares-3", "prod"); err != nil {
		return err
	}
	if err := d.call(exitDone, []string{"gates"}, "release fares-3 is taken"); err != nil {
		return err
	}
	shares, err := d.shares(ctx)
	if err != nil || shares != "blue 100" {
		return errors.Join(err, fmt.Errorf("the traffic of prod is %s, want blue 100", shares))
	}
	return d.size(ctx, 3)
}
