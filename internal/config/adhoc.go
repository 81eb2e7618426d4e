package config

// DefaultTarget is a target with the safe defaults and nothing else, for a
// workspace that is named on the command line.
func DefaultTarget() Target { return defaultTarget() }
