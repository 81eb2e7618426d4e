package main

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/internal/config"
)

// Each thing that a commit could use to make a daemon reach or read more than
// it did is pinned; what only concerns the assets is not.
func TestAttackK3WhatACommitMayNotChange(t *testing.T) {
	const base = "targets:\n  dev:\n    id: /subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w\n"
	const providers = "secrets: {providers: {mine: {type: file, path: /run/secrets.yml}}}\n"
	read := func(text string) *config.Config {
		t.Helper()
		cfg, bad := parseConfig([]byte(text), config.File)
		if len(bad) > 0 {
			t.Fatal(bad)
		}
		return cfg
	}
	const told = "notify: {channels: {hook: {type: webhook, url: 'https://hooks.example/a', key: '${{ secret.KEY }}'}}, routes: [{channels: hook, events: drift}]}\n"
	was := read(base + providers)
	for what, text := range map[string]string{
		"webhooks":                     base + providers + "webhooks: {github: {secret_env: HOME}}\n",
		"notify":                       base + providers + told,
		"targets.dev.endpoint":         base + "    endpoint: https://evil.example\n" + providers,
		"targets.dev.storage_endpoint": base + "    storage_endpoint: https://evil.example\n" + providers,
		"targets.dev.authority":        base + "    authority: https://evil.example\n" + providers,
		"targets.dev.cloud":            base + "    cloud: china\n" + providers,
		"targets.dev.ca_file":          base + "    ca_file: evil.pem\n" + providers,
		"targets.dev.identity":         base + "    identity: {type: managed_identity, client_id: c}\n" + providers,
		"targets.dev.read_identity":    base + "    read_identity: {type: cli}\n" + providers,
		"secrets.providers":            base + strings.Replace(providers, "/run/secrets.yml", "/proc/self/environ", 1),
	} {
		if err := pinned(was, read(text)); err == nil || !strings.Contains(err.Error(), "the commit changes "+what+" in") {
			t.Errorf("%s: got %v", what, err)
		}
	}
	more := []string{providers, "", "secrets: {providers: {mine: {type: file, path: /run/secrets.yml}, env: {prefix: ''}}}\n", "secrets: {providers: {other: {type: file, path: /run/secrets.yml}}}\n"}
	for i, text := range more {
		if err := pinned(was, read(base+text)); (err == nil) != (i == 0) {
			t.Errorf("%q: got %v", text, err)
		}
	}
	// A line more above moves places, and rules and variables are the authors'.
	if err := pinned(was, read("# more\nrules: [{kind: job, jobs: off}]\n"+base+"    vars: {a: b}\n"+providers)); err != nil {
		t.Error(err)
	}
	if err := pinned(read(base+told), read("# more\n"+base+"# and more\n"+told)); err != nil {
		t.Error(err)
	}
	for _, text := range []string{strings.Replace(told, "/a'", "/b'", 1), strings.Replace(told, ".KEY", ".OTHER", 1), strings.Replace(told, "drift", "failing", 1), ""} {
		if err := pinned(read(base+told), read(base+text)); err == nil || !strings.Contains(err.Error(), "the commit changes notify in") {
			t.Errorf("%q: got %v", text, err)
		}
	}
	if err := pinned(config.Default(), was); err != nil {
		t.Errorf("the first configuration: %v", err)
	}
}

// Hosts of Azure and of this machine are trusted, and nothing that looks alike.
func TestAttackN5HostsThatLookAlike(t *testing.T) {
	a := &app{env: func(name string) (string, bool) {
		return map[string]string{trustedHosts: "arm.local.example,sts.local.example:8443"}[name], true
	}}
	for address, ok := range map[string]bool{
		"https://management.azure.com": true, "https://MANAGEMENT.azure.com/": true, "https://login.microsoftonline.com/": true, "https://management.chinacloudapi.cn": true,
		"http://127.0.0.1:8080": true, "https://localhost:1": true, "https://[::1]:1": true, "https://acc.blob.core.windows.net": true, "": true,
		"https://arm.local.example": true, "https://sts.local.example:8443": true, "https://sts.local.example": false,
		"https://management.azure.com.evil.example": false, "https://evilmanagement.azure.com": false, "https://management.azure.com@evil.example": false, "https://management.azure.com:444": false,
		"https://evil.example/management.azure.com": false, "https://evil.example#management.azure.com": false, "https://169.254.169.254": false, "https://10.0.0.1": false, "https://127.0.0.1.evil.example": false,
		"https://localhost.evil.example": false, "https://blob.core.windows.net.evil.example": false, "https://0.0.0.0": false, "https://2130706433": false, "https://[::ffff:10.0.0.1]": false,
	} {
		for _, t2 := range []config.Target{{Endpoint: address}, {StorageEndpoint: address}, {Authority: address}} {
			if err := a.trusted(&t2, nil); (err == nil) != ok {
				t.Errorf("%q: %v", address, err)
			}
		}
	}
	if err := a.trusted(&config.Target{Endpoint: "https://evil.example"}, []string{"https://evil.example"}); err != nil {
		t.Errorf("given on the command line: %v", err)
	}
}
