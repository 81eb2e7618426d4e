// Package secret gives the values of ${{ secret.NAME }}: from environment
// variables, files, Azure Key Vault and files encrypted with age or SOPS.
//
// Values live in memory only and leave the package as asset.Secret, which
// prints nothing. No error of this package holds a value or a part of one. It
// knows nothing of assets, plans or the configuration file.
package secret
