// Package limit is the one table of how much mlsync takes from outside:
// repositories, the service, git servers, files that users hand in. It knows
// numbers and no word of the domain. docs/reference/limits.md says the same
// for users and names the tests; a test holds the two together.
package limit

import "time"

// A tree of YAML files.
const (
	TreeFiles = 10_000    // YAML files of a tree; limits.files in mlsync.yaml
	FileBytes = 1 << 20   // bytes of one YAML file, of mlsync.yaml and of a file that is sent as text; limits.file_bytes
	TreeBytes = 128 << 20 // bytes of all YAML files of a tree
	TreeNames = 1_000_000 // files and folders of any sort that are passed on the way
	Documents = 1_000     // documents of one file
	Depth     = 64        // maps and lists within each other
	Entries   = 10_000    // entries of one map
	Aliased   = 10_000    // values of one file that stand there because of aliases
	Digits    = 4300      // digits of one whole number
	VarText   = 1 << 20   // bytes that variables add to one text
	Nested    = 16        // files that name files that name files
	Included  = 100_000   // files that the assets of a tree name and are put together of, each as often as it is named
	Problems  = 1_000     // problems of one file, after which the rest of it is not looked at
)

// mlsync.yaml.
const (
	ConfigList = 1_000 // entries of one list
	Pattern    = 1024  // bytes of one glob
)

// Policies.
const (
	PolicyFiles  = 100       // files of the folder policies
	PolicyRules  = 500       // rules of all of them
	PolicyText   = 4096      // bytes of one expression or message
	PolicyDepth  = 50        // parts of an expression within each other, as CEL counts them
	PolicyCost   = 20_000    // cost of one expression, estimated before and counted while it runs
	PolicyBudget = 5_000_000 // cost of all expressions over one plan or check
)

// Folders that are uploaded or copied.
const (
	ContentNames = 1_000_000 // files and folders of one upload or copy
	ContentBytes = 256 << 30 // bytes of one upload or copy
	FolderDepth  = 256       // folders within each other
	Links        = 40        // symbolic links followed for one path
	IgnoreBytes  = 1 << 20   // bytes of an ignore file
	IgnoreLines  = 2_000     // patterns of an ignore file
	IgnoreLine   = 4096      // bytes of one pattern
)

// Traces that are sent to a collector.
const (
	Traces     = 64     // traces that wait to be sent; further ones are lost
	TraceSpans = 10_000 // spans of one trace beside its root
	TraceTries = 3      // attempts to send one
)

// Secrets.
const (
	SecretFile   = 4 << 20 // bytes of a file with secrets, before and after decryption
	SecretAnswer = 1 << 20 // bytes of an answer of Key Vault
	SecretDepth  = 32      // maps within each other
)

// Git.
const (
	Pack      = 2 << 30         // bytes of one answer of a git server
	GitObject = 128 << 20       // bytes of one object of an answer, unpacked
	Unpacked  = 32 << 30        // bytes of all objects of one answer, unpacked
	RefList   = 64 << 20        // bytes of its list of branches and tags
	GitMeta   = 64 << 20        // bytes of one commit or folder
	GitFile   = 256 << 20       // bytes of a file that is read as a whole
	GitDepth  = 128             // folders within each other
	GitLink   = 4096            // bytes of where a symbolic link leads
	URL       = 4096            // bytes of an address
	RefName   = 1024            // bytes of the name of a branch or tag
	FetchTime = 5 * time.Minute // time of one fetch or push
)

// The service.
const (
	Answer      = 64 << 20         // bytes of one answer
	AnswerDepth = 256              // maps and lists of an answer within each other
	Pages       = 10_000           // pages of one list
	Listed      = 1_000_000        // items of one list
	Tries       = 6                // attempts of one request, throttling aside
	Throttled   = 10 * time.Minute // time that one request waits for throttling to end
	Backoff     = 30 * time.Second // delay before the next attempt
	Poll        = 30 * time.Second // time between two looks at an operation
	PollAsked   = 5 * time.Minute  // the same, if the service asks for more
	Request     = 2 * time.Minute  // time of one attempt
)

// Services with pull requests (GitHub, GitLab, Azure DevOps, Gitea).
const (
	ForgeAnswer  = 64 << 20         // bytes of one answer, and of all pages of one list
	ForgePages   = 1_000            // pages of one list
	ForgeMessage = 64 << 10         // bytes of a refusal that are looked at
	ForgeLink    = 255              // bytes of the address of a status
	ForgeTries   = 4                // attempts of one request
	ForgeWait    = time.Minute      // delay that a service may ask for; beyond it the request fails
	ForgeBackoff = 10 * time.Second // delay before the next attempt otherwise
	ForgeRequest = 30 * time.Second // time of one attempt
)

// Previews of pull requests, statuses of commits and approvals.
const (
	PreviewBytes    = 60_000           // bytes of the comment with the plans
	PreviewPulls    = 200              // open pull requests that are planned; further ones are left alone and said
	PreviewTargets  = 50               // targets that one pull request is planned for
	PreviewsAtOnce  = 2                // pull requests that are planned at a time
	PreviewTime     = 10 * time.Minute // time of one preview
	MergeHistory    = 100_000          // commits that are looked at for where two branches parted
	MergeLines      = 20_000           // lines of a file that both sides changed; a longer one is a conflict
	PostAge         = 24 * time.Hour   // time after which a comment or status that cannot be told is given up
	ApprovalCommits = 1_000            // commits of a plan whose authors are looked at
)

// Answers of endpoints and addresses that gates ask.
const (
	ProbeAnswer    = 1 << 20          // bytes of one answer
	ProbeRedirects = 5                // redirects that are followed
	ProbeTime      = 30 * time.Second // time of one question, if the gate gives no other
)

// Deliveries of webhooks.
const (
	WebhookBody    = 1 << 20          // bytes of one delivery
	WebhookHead    = 16 << 10         // bytes of its headers; net/http adds 4096
	WebhookRead    = 10 * time.Second // time in which its headers, and then its body, must be here
	WebhookRate    = 50               // deliveries a second, and at once after a pause
	WebhookAtOnce  = 16               // deliveries that are read at a time
	WebhookConns   = 256              // connections at a time; others wait
	WebhookSecret  = 16               // bytes that a secret has at least
	WebhookSkew    = 5 * time.Minute  // time between a signature and now, either way
	WebhookMemory  = time.Hour        // time for which a delivery is remembered
	WebhookReplays = 10_000           // deliveries that are remembered; the oldest go first
	WebhookKeys    = 6                // requests in a minute that go to an issuer for its keys
)

// Tokens that ask for access.
const (
	AccessToken    = 16 << 10             // bytes of a token
	AccessSkew     = time.Minute          // time by which the clocks of an issuer and of this machine may differ
	AccessKeys     = time.Hour            // time after which the keys of an issuer are read again
	AccessKeysOld  = 24 * time.Hour       // time for which keys are used while the issuer does not answer
	AccessKeysWait = 10 * time.Second     // time between two questions to an issuer
	AccessLife     = 365 * 24 * time.Hour // longest life of a token of mlsync; token_life in the projects file makes it shorter
)

// Notifications.
const (
	NotifyText    = 500              // bytes of one text in a message, spelled out
	NotifyLines   = 20               // things that one message for people lists
	NotifyEvents  = 200              // events that one message of a signed webhook lists
	NotifyQueue   = 1_000            // changes that wait for one channel; beyond it the oldest are dropped and counted
	NotifyLetters = 20               // messages of one channel that were tried and are tried again
	NotifyAge     = 24 * time.Hour   // time after which a message is given up and counted
	NotifyWait    = time.Hour        // delay that a channel may ask for
	NotifyTime    = 15 * time.Second // time of one attempt
)

// Saved plans and the journal.
const (
	PlanBytes   = 256 << 20  // bytes of a saved plan
	ImportLine  = 16 << 20   // bytes of one line of an export of the journal
	ImportLines = 10_000_000 // its lines
)

// Lineage.
const (
	LineageNodes = 2_000 // assets, releases and commits of one lineage
)

// The HTTP API.
const (
	APIBody    = 1 << 20             // bytes of one request
	APIDepth   = 16                  // maps and lists of a request within each other
	APIText    = 500                 // bytes of a reason or a name that is sent
	APIList    = 100                 // entries of a list that is sent
	APIQuery   = 4096                // bytes of a query
	APIPage    = 1_000               // items of one page
	APIRate    = 50                  // requests of one principal a second
	APIBurst   = 200                 // its requests at once, after a pause
	APIGuesses = 10                  // requests with a wrong credential of one address, in a minute and at once
	APIClients = 10_000              // principals and addresses whose requests are counted
	APIAtOnce  = 64                  // requests that are answered at a time
	APITime    = 30 * time.Second    // time of one answer
	APIStreams = 64                  // streams of events at a time
	APIStream  = 8                   // streams of one principal at a time
	APIEvents  = 100                 // events that are read for a stream at once, and wait for it
	APIBeat    = 15 * time.Second    // time after which a silent stream says that it lives
	APIWrite   = 10 * time.Second    // time in which a reader must take what a stream has for it
	APISettle  = 5 * time.Second     // time that a number of an event which is not there yet is waited for
	APIAnswer  = 64 << 20            // bytes of one answer that mlsync --server reads
	APIApprove = 30 * 24 * time.Hour // time for which an approval holds at most
	KeptPlan   = 8 << 20             // bytes of a plan that is kept for the API, packed; of a larger one only the digest is
)
