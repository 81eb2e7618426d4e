package main

import (
	"context"
	"errors"
	"fmt"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/secret"
	"mlsync.dev/mlsync/reconcile"
)

// toldSecret tells reconcile a secret that its provider does not have from one
// of which nobody knows.
func toldSecret(get func(context.Context, string) (asset.Secret, error)) func(context.Context, string) (asset.Secret, error) {
	return func(ctx context.Context, name string) (asset.Secret, error) {
		s, err := get(ctx, name)
		if errors.Is(err, secret.ErrNotFound) {
			err = &noSecretError{err}
		}
		return s, err
	}
}

// noSecretError is the provider's error, and reconcile's.
type noSecretError struct{ error }

func (e *noSecretError) Unwrap() []error { return []error{e.error, reconcile.ErrNoSecret} }

// resolver finds secrets as the configuration says.
func (a *app) resolver(cfg *config.Config, client *azureml.Client) (*secret.Resolver, error) {
	providers := map[string]secret.Provider{}
	for name, p := range cfg.Secrets.Providers {
		got, err := a.provider(p, client)
		if err != nil {
			return nil, fmt.Errorf("secret provider %s: %w", name, err)
		}
		providers[name] = got
	}
	names := map[string]secret.Name{}
	for name, n := range cfg.Secrets.Names {
		names[name] = secret.Name(n)
	}
	return secret.NewResolver(providers, names, cfg.Secrets.Default), nil
}

func (a *app) provider(p config.Provider, client *azureml.Client) (secret.Provider, error) {
	log := a.logger()
	switch p.Type {
	case "env":
		return secret.Env(p.Prefix, a.env), nil
	case "file":
		if p.Dir != "" {
			return secret.Dir(a.path(p.Dir), log), nil
		}
		return secret.File(a.path(p.Path), log), nil
	case "age":
		return secret.Age(a.path(p.Path), a.path(p.KeyFile), log), nil
	case "sops":
		return secret.SOPS(a.path(p.Path), a.path(p.KeyFile), log), nil
	case "keyvault":
		return secret.KeyVault(p.Vault, client.Credential(), secret.KeyVaultOptions{})
	}
	return nil, fmt.Errorf("type %q is not known", p.Type)
}
