package limit_test

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// tests are the tests that hold each limit at its edge and one beyond.
var tests = map[string]string{
	"TreeFiles": "TestAttackL4TreesOfManyFiles", "FileBytes": "TestAttackL1LargeFiles", "TreeBytes": "TestAttackL4TreesOfManyFiles", "TreeNames": "TestAttackL4TreesOfManyFiles",
	"Documents": "TestAttackL1LargeFiles", "Depth": "TestAttackL1LargeFiles", "Entries": "TestAttackL1LargeFiles", "Aliased": "TestAttackL1LargeFiles", "Digits": "TestAttackL1LargeFiles",
	"VarText": "TestAttackL21LongVariables", "Nested": "TestAttackL6FilesThatNameFiles", "Included": "TestAttackL6FilesThatNameFiles", "Problems": "TestAttackL1LargeFiles",
	"ConfigList": "TestAttackL16ListsAndGlobs", "Pattern": "TestAttackL16ListsAndGlobs",
	"PolicyFiles": "TestAttackL25ManyPolicies", "PolicyRules": "TestAttackL25ManyPolicies", "PolicyText": "TestAttackL26LargeExpressions", "PolicyDepth": "TestAttackL26LargeExpressions",
	"PolicyCost": "TestAttackL27CostlyExpressions", "PolicyBudget": "TestAttackL27CostlyExpressions",
	"ContentNames": "TestAttackL8Uploads", "ContentBytes": "TestAttackL8Uploads", "FolderDepth": "TestAttackL8Uploads", "Links": "TestAttackL8Uploads",
	"IgnoreBytes": "TestAttackL9IgnoreFiles", "IgnoreLines": "TestAttackL9IgnoreFiles", "IgnoreLine": "TestAttackL9IgnoreFiles",
	"SecretFile": "TestAttackL18SecretFiles", "SecretAnswer": "TestAttackL19AnswersOfVaults", "SecretDepth": "TestAttackL18SecretFiles",
	"Pack": "TestAttackG6LimitsOfNamesAndAnswers", "GitObject": "TestAttackG7PacksThatGrow", "Unpacked": "TestAttackG7PacksThatGrow", "RefList": "TestAttackG6LimitsOfNamesAndAnswers",
	"GitMeta": "TestAttackG6LimitsOfNamesAndAnswers", "GitFile": "TestAttackG6LimitsOfNamesAndAnswers", "GitDepth": "TestAttackG5TreesThatStandInThemselves", "GitLink": "TestAttackG6LimitsOfNamesAndAnswers",
	"URL": "TestAttackG6LimitsOfNamesAndAnswers", "RefName": "TestAttackG6LimitsOfNamesAndAnswers", "FetchTime": "TestHTTPSilentServer",
	"Answer": "TestAttackL22AnswerAtTheLimit", "AnswerDepth": "TestAttackL12DeepAnswers", "Pages": "TestAttackL13EndlessLists", "Listed": "TestAttackL13EndlessLists",
	"Tries": "TestAttackL24SlowAnswers", "Throttled": "TestAttackL10EndlessRetryAfter", "Backoff": "TestAttackL10EndlessRetryAfter", "Poll": "TestPollIntervals",
	"PollAsked": "TestAttackL11EndlessPoll", "Request": "TestAttackL24SlowAnswers",
	"ForgeAnswer": "TestAttackL41LongLists", "ForgePages": "TestAttackL41LongLists", "ForgeMessage": "TestAttackL40AnswersOfTenGigabytes", "ForgeLink": "TestRefusesWhatIsTooLong",
	"ForgeTries": "TestAttackL43SlowServices", "ForgeWait": "TestAttackL43SlowServices", "ForgeBackoff": "TestAttackL43SlowServices", "ForgeRequest": "TestAttackL43SlowServices",
	"PreviewBytes": "TestAttackL61LongPreviews", "PreviewPulls": "TestAttackL60ManyPullRequests", "PreviewTargets": "TestAttackL61LongPreviews", "PreviewsAtOnce": "TestAttackL62PreviewsAtATime",
	"PreviewTime": "TestAttackL62PreviewsAtATime", "MergeHistory": "TestAttackL63LongMerges", "MergeLines": "TestAttackL63LongMerges", "PostAge": "TestPostsAreTriedAndGivenUp",
	"ApprovalCommits": "TestAuthorsOfCommits",
	"ProbeAnswer":     "TestAttackN4AnswersWithoutEnd", "ProbeRedirects": "TestAttackN3Redirects", "ProbeTime": "TestAttackN5TimeIsBounded",
	"WebhookBody": "TestAttackW2BodiesOfTenGigabytes", "WebhookHead": "TestAttackW4HugeHeaders", "WebhookRead": "TestAttackW1Slowloris", "WebhookRate": "TestAttackW5TenThousandASecond",
	"WebhookAtOnce": "TestAttackW5TenThousandASecond", "WebhookConns": "TestAttackW1Slowloris", "WebhookSecret": "TestSecretIsMandatory", "WebhookSkew": "TestAttackW8Replays",
	"WebhookMemory": "TestAttackW8Replays", "WebhookReplays": "TestAttackW8Replays", "WebhookKeys": "TestAttackW11KeysAreAskedForRarely",
	"AccessToken": "TestAttackZ03Tokens", "AccessSkew": "TestAttackZ04Clocks", "AccessKeys": "TestAttackZ06Keys", "AccessKeysOld": "TestAttackZ06Keys", "AccessKeysWait": "TestAttackZ06Keys",
	"AccessLife": "TestProjectsBroken",
	"NotifyText": "TestAttackL50LongMessages", "NotifyLines": "TestAttackL50LongMessages", "NotifyEvents": "TestAttackL50LongMessages", "NotifyQueue": "TestAttackL52ChannelsThatAreDown",
	"NotifyLetters": "TestAttackL52ChannelsThatAreDown", "NotifyAge": "TestAttackL52ChannelsThatAreDown", "NotifyWait": "TestAnswers", "NotifyTime": "TestAttackL51SilentChannels",
	"Traces": "TestAttackLDeadCollector", "TraceSpans": "TestAttackLManySpans", "TraceTries": "TestAttackLDeadCollector",
	"PlanBytes": "TestAttackL23LargePlans", "ImportLine": "TestAttackL20HostileExports", "ImportLines": "TestAttackL20HostileExports",
	"APIBody": "TestAttackL60Bodies", "APIDepth": "TestAttackL65DeepAndLongBodies", "APIText": "TestBodiesAreStrict", "APIList": "TestAttackL65DeepAndLongBodies", "APIQuery": "TestAttackL65DeepAndLongBodies",
	"APIPage": "TestQueryIsStrict", "APIRate": "TestAttackZ44RatesAreOfEachAlone", "APIBurst": "TestAttackZ44RatesAreOfEachAlone", "APIGuesses": "TestAttackZ44RatesAreOfEachAlone",
	"APIClients": "TestAttackL62ManyClients", "APIAtOnce": "TestAttackL63AJournalThatDoesNotAnswer", "APITime": "TestAttackL63AJournalThatDoesNotAnswer", "APIStreams": "TestAttackL64ManyStreams",
	"APIStream": "TestAttackL61SlowReaders", "APIEvents": "TestStreamTakesABurst", "APIBeat": "TestStreamSaysThatItLives", "APIWrite": "TestAttackL61SlowReaders", "APISettle": "TestStreamWaitsForEventsThatComeLate",
	"APIAnswer": "TestAttackL67AnswersWithoutEnd", "APIApprove": "TestBodiesAreStrict", "KeptPlan": "TestAttackL66PlansThatAreTooLarge",
	"LineageNodes": "TestAttackL50LongLineages",
}

const page = "../../docs/reference/limits.md"

// The page says of every limit what it is, and no test of it is made up.
// MLSYNC_GOLDEN=1 writes the page.
func TestPageIsTheTable(t *testing.T) {
	want := render(t)
	if os.Getenv("MLSYNC_GOLDEN") != "" {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the table says: run MLSYNC_GOLDEN=1 go test ./internal/limit", page)
	}
}

const head = `# Limits

How much mlsync takes from outside. What passes a limit is refused with a problem or an error that names it: it is never cut short without a word, and
a list or a tree that was not read to its end counts as unknown, so that nothing is deleted for it. ` + "`limits.files` and `limits.file_bytes`" + ` of
[mlsync.yaml](mlsync-yaml.md#limits) move the first two; the others are fixed.

This page is made of ` + "`internal/limit`" + `; the last column is the test that holds the limit at its edge and one beyond.
`

// render is the page.
func render(t *testing.T) string {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "limit.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	conf := types.Config{Importer: importer.ForCompiler(fset, "source", nil)}
	pkg, err := conf.Check("limit", fset, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	known, left := testNames(t), map[string]bool{}
	for name := range tests {
		left[name] = true
	}
	var b strings.Builder
	b.WriteString(head)
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n| name | limit | of what | test |\n|---|---|---|---|\n", strings.TrimSuffix(strings.TrimSpace(group.Doc.Text()), "."))
		for _, spec := range group.Specs {
			v := spec.(*ast.ValueSpec)
			name, what := v.Names[0].Name, strings.TrimSpace(v.Comment.Text())
			c := pkg.Scope().Lookup(name).(*types.Const)
			if what == "" || !known[tests[name]] {
				t.Errorf("%s: says %q, and its test is %q", name, what, tests[name])
			}
			delete(left, name)
			fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` |\n", name, number(c, what), what, tests[name])
		}
	}
	for name := range left {
		t.Errorf("there is no limit %s", name)
	}
	return b.String()
}

// number prints a limit for people.
func number(c *types.Const, what string) string {
	n, _ := constant.Int64Val(constant.ToInt(c.Val()))
	switch {
	case c.Type().String() == "time.Duration":
		return strings.NewReplacer("m0s", "m", "h0m", "h").Replace(time.Duration(n).String())
	case strings.HasPrefix(what, "bytes") && n >= 1<<30 && n%(1<<30) == 0:
		return fmt.Sprintf("%d GiB", n>>30)
	case strings.HasPrefix(what, "bytes") && n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && n >= 10_000; i -= 3 {
		text = text[:i] + " " + text[i:]
	}
	return text
}

// testNames are the names of all tests of the module.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	found, out := regexp.MustCompile(`(?m)^func (Test\w+)\(`), map[string]bool{}
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		data, err := os.ReadFile(name)
		for _, m := range found.FindAllSubmatch(data, -1) {
			out[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
