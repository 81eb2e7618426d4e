package kind

import (
	"strconv"
	"strings"

	"mlsync.dev/mlsync/asset"
)

var computeInstance = &Variant{
	Name:        "computeinstance",
	Schemas:     []string{"computeInstance"},
	Types:       []string{"computeinstance"},
	Const:       []Const{{"properties.computeType", "ComputeInstance"}},
	Tell:        func(doc *asset.Value) bool { return typeIs(doc, "computeinstance") && doc.Has("name") },
	DeleteQuery: deleteOwn,
	Fields: []Field{
		workspaceLocation,
		unusedResource,
		{YAML: "size", REST: instancePath + "vmSize", As: Fold{}, Send: asset.NewString("STANDARD_DS3_V2"), Change: Replace, Doc: "The size of the machine."},
		{YAML: "network_settings", REST: instancePath + "subnet", As: networkSettings, Change: Replace, Doc: "The subnet of the machine."},
		{YAML: "create_on_behalf_of", REST: instancePath + "personalComputeInstanceSettings.assignedUser", Change: Replace, As: Obj(
			Field{YAML: "user_tenant_id", REST: "tenantId", As: Str{}, Required: true, Change: Replace, Doc: "The tenant of the user."},
			Field{YAML: "user_object_id", REST: "objectId", As: Str{}, Required: true, Change: Replace, Doc: "The object id of the user."},
		), Doc: "Whose machine it is, if not the creator's."},
		{YAML: "ssh_settings", REST: instancePath + "sshSettings", Change: Replace, As: Obj(
			Field{YAML: "ssh_key_value", REST: "adminPublicKey", As: Str{}, Change: Replace, Doc: "The user's public key."},
			Field{YAML: "admin_username", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
			Field{YAML: "ssh_port", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
		), Doc: "How to log in."},
		{YAML: "ssh_public_access_enabled", REST: instancePath + "sshSettings.sshPublicAccess", As: onOff{}, Change: Replace, Doc: "Opens the SSH port to the internet."},
		{YAML: "schedules", REST: instancePath + "schedules", As: Obj(
			Field{YAML: "compute_start_stop", REST: "computeStartStop", As: List{Of: startStop}, Doc: "When the machine starts and stops."},
		), Doc: "Plans of the machine. The service takes them by operations of their own."},
		computeIdentity,
		{YAML: "idle_time_before_shutdown_minutes", REST: instancePath + "idleTimeBeforeShutdown", As: minutesText{"PT", "M"}, Doc: "Minutes before an idle machine is stopped."},
		{YAML: "idle_time_before_shutdown", As: Str{}, Change: Once, Doc: "The same as an ISO 8601 duration; use idle_time_before_shutdown_minutes."},
		{YAML: "custom_applications", REST: instancePath + "customServices", As: List{Of: customApplication}, Change: Replace, Doc: "Programs that run in containers on the machine."},
		{YAML: "setup_scripts", REST: instancePath + "setupScripts.scripts", Change: Replace, As: Obj(
			Field{YAML: "creation_script", REST: "creationScript", As: setupScript, Change: Replace, Doc: "Runs once, when the machine is made."},
			Field{YAML: "startup_script", REST: "startupScript", As: setupScript, Change: Replace, Doc: "Runs at every start."},
		), Doc: "Scripts that prepare the machine."},
		{YAML: "enable_node_public_ip", REST: instancePath + "enableNodePublicIp", As: Bool{}, Send: asset.NewBool(true), Service: asset.NewBool(true), Change: Replace, Doc: "Gives the machine a public address."},
		{YAML: "enable_sso", REST: instancePath + "enableSSO", As: Bool{}, Send: asset.NewBool(true), Service: asset.NewBool(true), Doc: "Single sign-on."},
		{YAML: "enable_root_access", REST: instancePath + "enableRootAccess", As: Bool{}, Send: asset.NewBool(true), Service: asset.NewBool(true), Change: Replace, Doc: "Lets the user be root."},
		{YAML: "release_quota_on_stop", REST: instancePath + "releaseQuotaOnStop", As: Bool{}, Send: asset.NewBool(false), Service: asset.NewBool(false), Change: Replace, Doc: "Gives quota back while the machine is stopped."},
		{YAML: "enable_os_patching", REST: instancePath + "enableOSPatching", As: Bool{}, Send: asset.NewBool(false), Service: asset.NewBool(false), Change: Replace, Doc: "Keeps the operating system up to date."},
		{YAML: "state", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "last_operation", As: Any{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "services", As: Any{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "os_image_metadata", As: Any{}, ReadOnly: true, Doc: "Set by the service."},
	},
	Check:    checkInstance,
	ToREST:   instanceToREST,
	FromREST: instanceFromREST,
	Doc:      "A machine of one person.",
}

const instancePath = "properties.properties."

func checkInstance(c *Checker, v *asset.Value) {
	warnLocation(c, v)
	if old := v.Get("idle_time_before_shutdown"); old != nil {
		v.Delete("idle_time_before_shutdown")
		seconds, ok := parseDuration(old.Str())
		switch {
		case v.Has("idle_time_before_shutdown_minutes"):
		case !ok || seconds != float64(int64(seconds/60)*60):
			c.Problems.Hintf(old.Pos(), "bad_value", "write idle_time_before_shutdown_minutes: 30", "idle_time_before_shutdown: %q is no number of minutes", old.Str())
		default:
			v.Set("idle_time_before_shutdown_minutes", asset.NewInt(int64(seconds)/60).At(old.Pos()))
		}
	}
	names, ports := map[string]bool{}, map[string]bool{}
	for _, app := range v.Get("custom_applications").Items() {
		unique(c, app.Get("name"), names, "name of an application")
		for _, end := range app.Get("endpoints").Items() {
			unique(c, end.Get("published"), ports, "published port")
		}
	}
}

func unique(c *Checker, v *asset.Value, seen map[string]bool, what string) {
	text := v.Text()
	if seen[text] {
		c.Problems.Hintf(v.Pos(), "duplicate", "use another one", "custom_applications: %s is used twice as %s", text, what)
	}
	seen[text] = true
}

// instanceToREST sends what the client sends of every instance. Public access
// by SSH is off unless it is said, and local authentication is its opposite.
func instanceToREST(_ *Encoder, v, rest *asset.Value) {
	inner := []string{"properties", "properties"}
	keepSetting(rest, asset.NewString("Shared"), append(inner, "applicationSharingPolicy")...)
	keepSetting(rest, asset.NewString("personal"), append(inner, "computeInstanceAuthorizationType")...)
	if rest.GetPath("properties", "properties", "sshSettings").Type() == asset.Map {
		keepSetting(rest, asset.NewString("Disabled"), append(inner, "sshSettings", "sshPublicAccess")...)
	}
	keepSetting(rest, asset.NewBool(!v.Get("ssh_public_access_enabled").Bool()), "properties", "disableLocalAuth")
}

// instanceFromREST reads members that are null, as all of them are while the
// instance is made, for their defaults.
func instanceFromREST(_ *Decoder, _, v *asset.Value) {
	nullMeans(v, map[string]bool{"enable_node_public_ip": true, "enable_sso": true, "enable_root_access": true, "release_quota_on_stop": false, "enable_os_patching": false})
}

// minutesText is a number of minutes that is a text on the wire.
type minutesText struct{ before, after string }

func (minutesText) Check(c *Checker, v *asset.Value) *asset.Value { return Int{}.Check(c, v) }

func (m minutesText) Encode(_ *Encoder, v *asset.Value) *asset.Value {
	if n, ok := v.Int64(); !ok || n == 0 {
		return nil
	}
	return asset.NewString(m.before + v.Text() + m.after)
}

func (m minutesText) Decode(_ *Decoder, rest *asset.Value) *asset.Value {
	text, ok := strings.CutPrefix(rest.Text(), m.before)
	if digits, cut := strings.CutSuffix(text, m.after); ok && cut {
		if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
			return asset.NewInt(n)
		}
	}
	if seconds, ok := parseDuration(rest.Text()); ok {
		return asset.NewInt(int64(seconds) / 60)
	}
	return nil
}

// Equal takes an absent time for zero, which is not sent.
func (minutesText) Equal(want, live *asset.Value) bool {
	if n, ok := want.Int64(); ok && n == 0 && live.IsNull() {
		return true
	}
	return want.Equal(live)
}

func (minutesText) Schema() map[string]any { return Int{}.Schema() }
func (minutesText) Describe() string       { return "minutes" }

// setupScript is in the workspace's file share; its path is sent as it is. A
// missing timeout is sent as Nonem, as the reference client does.
var setupScript = Object{Fields: []Field{
	{YAML: "path", REST: "scriptData", As: Str{}, Doc: "The path of the script in the file share of the workspace."},
	{YAML: "command", REST: "scriptArguments", As: Str{}, Doc: "The arguments of the script."},
	{YAML: "timeout_minutes", REST: "timeout", As: minutesText{"", "m"}, Doc: "The most it may take."},
}, ToREST: func(_ *Encoder, _, rest *asset.Value) {
	rest.Set("scriptSource", asset.NewString("workspaceStorage"))
	if !rest.Has("timeout") {
		rest.Set("timeout", asset.NewString("Nonem"))
	}
}}

var customApplication = Object{Fields: []Field{
	{YAML: "name", REST: "name", As: Str{}, Required: true, Doc: "The name, unique on the machine."},
	{YAML: "type", REST: "type", As: Words("docker", "docker"), Send: asset.NewString("docker"), Doc: "The only sort there is."},
	{YAML: "image", REST: "image", Required: true, As: Object{Fields: []Field{
		{YAML: "reference", REST: "reference", As: Str{}, Required: true, Doc: "The Docker image."},
	}, ToREST: func(_ *Encoder, _, rest *asset.Value) { rest.Set("type", asset.NewString("docker")) }}, Doc: "What runs."},
	{YAML: "endpoints", REST: "endpoints", Required: true, As: List{Of: Object{Fields: []Field{
		{YAML: "target", REST: "target", As: port{}, Required: true, Doc: "The port in the container."},
		{YAML: "published", REST: "published", As: port{}, Required: true, Doc: "The port of the machine."},
	}, ToREST: func(_ *Encoder, _, rest *asset.Value) {
		rest.Set("name", asset.NewString("connect")).Set("protocol", asset.NewString("http"))
	}}}, Doc: "The ports."},
	{YAML: "environment_variables", REST: "environmentVariables", As: Map{Of: Wrap{Of: Text{}, REST: "value", Const: []Const{{"type", "local"}}}}, Doc: "Variables in the container."},
	{YAML: "bind_mounts", REST: "volumes", As: List{Of: Object{Fields: []Field{
		{YAML: "source", REST: "source", As: Str{}, Required: true, Doc: "The folder of the machine."},
		{YAML: "target", REST: "target", As: Str{}, Required: true, Doc: "The folder in the container."},
	}, ToREST: func(_ *Encoder, _, rest *asset.Value) {
		rest.Set("type", asset.NewString("bind")).Set("readOnly", asset.NewBool(false))
	}}}, Doc: "Folders of the machine in the container."},
}, ToREST: func(_ *Encoder, _, rest *asset.Value) {
	rest.SetPath(asset.NewBool(true), "docker", "privileged")
}}

// port is a port that an application may use.
type port struct{ Int }

func (p port) Check(c *Checker, v *asset.Value) *asset.Value {
	got := p.Int.Check(c, v)
	if n, ok := got.Int64(); ok && (n <= 1025 || n >= 65535) {
		c.Badf(v, "bad_value", "use 1026 to 65534", "the port %d cannot be used", n)
		return nil
	}
	return got
}

func (port) Describe() string { return "port from 1026 to 65534" }
