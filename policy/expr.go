package policy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/containers"
	"cel.dev/cel-go/common/decls"
	"cel.dev/cel-go/common/stdlib"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
	"cel.dev/cel-go/parser"

	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/problem"
)

// The parser, the checker and the interpreter of cel-go are used one by one:
// its facade brings a configuration format, asynchronous calls and an optimizer
// into the program, of which nothing is needed here.

// variable is one name that an expression may use.
type variable struct {
	name string
	typ  *types.Type
}

// variables are what expressions may use, by what a rule is about.
// docs/reference/policies.md says what they are.
var variables = map[On][]variable{
	OnChange: {
		{"kind", types.StringType},
		{"name", types.StringType},
		{"parent", types.StringType},
		{"version", types.StringType},
		{"action", types.StringType},
		{"destructive", types.BoolType},
		{"part", types.StringType},
		{"target", types.StringType},
		{"want", types.NewMapType(types.StringType, types.DynType)},
		{"live", types.NewMapType(types.StringType, types.DynType)},
		{"fields", types.NewListType(types.StringType)},
		{"tags", types.NewMapType(types.StringType, types.StringType)},
		{"source", types.NewMapType(types.StringType, types.DynType)},
		{"release", types.StringType},
		{"releases", types.NewListType(types.StringType)},
		{"pinned", types.StringType},
	},
	OnAsset: {
		{"kind", types.StringType},
		{"name", types.StringType},
		{"parent", types.StringType},
		{"version", types.StringType},
		{"target", types.StringType},
		{"body", types.NewMapType(types.StringType, types.DynType)},
		{"tags", types.NewMapType(types.StringType, types.StringType)},
		{"file", types.StringType},
		{"release", types.StringType},
		{"releases", types.NewListType(types.StringType)},
		{"pinned", types.StringType},
	},
	OnRelease: {
		{"name", types.StringType},
		{"target", types.StringType},
		{"assets", types.NewListType(types.NewMapType(types.StringType, types.DynType))},
		{"source", types.NewMapType(types.StringType, types.DynType)},
		{"file", types.StringType},
	},
}

// language compiles and runs expressions.
type language struct {
	parser     *parser.Parser
	checkers   map[On]*checker.Env
	registry   *types.Registry
	dispatcher interpreter.Dispatcher
}

func newLanguage() (*language, error) {
	l := &language{checkers: map[On]*checker.Env{}, dispatcher: interpreter.NewDispatcher()}
	var err error
	if l.parser, err = parser.NewParser(
		parser.Macros(parser.AllMacros...), parser.ExpressionSizeCodePointLimit(limit.PolicyText),
		parser.MaxRecursionDepth(limit.PolicyDepth), parser.ErrorRecoveryLimit(4), parser.ErrorReportingLimit(4),
	); err != nil {
		return nil, err
	}
	if l.registry, err = types.NewRegistry(); err != nil {
		return nil, err
	}
	functions := stdlib.Functions()
	for on, list := range variables {
		env, err := checker.NewEnv(containers.DefaultContainer, l.registry, checker.CrossTypeNumericComparisons(true))
		if err != nil {
			return nil, err
		}
		err = env.AddIdents(stdlib.Types()...)
		for _, v := range list {
			err = errors.Join(err, env.AddIdents(decls.NewVariable(v.name, v.typ)))
		}
		if err = errors.Join(err, env.AddFunctions(functions...)); err != nil {
			return nil, err
		}
		l.checkers[on] = env
	}
	for _, f := range functions {
		bindings, err := f.Bindings()
		if err = errors.Join(err, l.dispatcher.Add(bindings...)); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// expression is one compiled expression.
type expression struct {
	text string
	run  *interpreter.ObservableInterpretable
	uses map[string]bool
}

// mistake is what is wrong with an expression and where in its text: line from
// 1, column from 0 in letters.
type mistake struct {
	text, hint string
	line, col  int
}

// compile checks an expression for rules about on. want is the type that it
// must have; types.DynType takes any.
func (l *language) compile(on On, text string, want *types.Type) (*expression, []mistake) {
	if len(text) > limit.PolicyText {
		return nil, []mistake{{text: fmt.Sprintf("the expression has %d bytes, more than %d", len(text), limit.PolicyText), line: 1}}
	}
	source := common.NewTextSource(text)
	tree, errs := l.parser.Parse(source)
	if bad := mistakes(on, errs); len(bad) > 0 {
		return nil, bad
	}
	checked, errs := checker.Check(tree, source, l.checkers[on])
	if bad := mistakes(on, errs); len(bad) > 0 {
		return nil, bad
	}
	if got := checked.GetType(checked.Expr().ID()); want != types.DynType && !got.IsExactType(want) && got.Kind() != types.DynKind {
		return nil, []mistake{{text: fmt.Sprintf("the expression gives %s, not %s", typeName(got), typeName(want)), line: 1}}
	}
	if most, err := checker.Cost(checked, sizes{}); err != nil || most.Max > limit.PolicyCost {
		return nil, []mistake{{text: costText(most.Max, err), hint: "write fewer loops within each other", line: 1}}
	}
	run, err := l.program(checked)
	if err != nil {
		return nil, []mistake{{text: err.Error(), line: 1}}
	}
	return &expression{text: text, run: run, uses: identifiers(checked)}, nil
}

func costText(most uint64, err error) string {
	if err != nil {
		return "its cost cannot be estimated: " + err.Error()
	}
	return fmt.Sprintf("the expression may cost %d, more than %d", most, uint64(limit.PolicyCost))
}

func typeName(t *types.Type) string {
	if t.Kind() == types.BoolKind {
		return "true or false"
	}
	return checker.FormatCELType(t)
}

// assumed is how many entries or letters the estimate takes for what is known
// only when the expression runs. What is larger is stopped while it runs.
const assumed = 25

// sizes estimates what the checker cannot know.
type sizes struct{}

// EstimateSize implements checker.CostEstimator.
func (sizes) EstimateSize(n checker.AstNode) *checker.SizeEstimate {
	switch n.Type().Kind() {
	case types.StringKind, types.BytesKind, types.ListKind, types.MapKind, types.DynKind:
		return &checker.SizeEstimate{Max: assumed}
	default:
		return nil
	}
}

// EstimateCallCost implements checker.CostEstimator.
func (sizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

func (l *language) program(checked *ast.AST) (*interpreter.ObservableInterpretable, error) {
	tracker, err := interpreter.NewCostTracker(nil, interpreter.CostTrackerLimit(limit.PolicyCost))
	if err != nil {
		return nil, err
	}
	attributes := interpreter.NewAttributeFactory(containers.DefaultContainer, l.registry, l.registry)
	in := interpreter.NewInterpreter(l.dispatcher, containers.DefaultContainer, l.registry, l.registry, attributes)
	run, err := in.NewInterpretable(checked, interpreter.Optimize(), interpreter.CompileRegexConstants(interpreter.MatchesRegexOptimization),
		interpreter.CostObserver(interpreter.CostTrackerFactory(tracker.Clone)))
	if err != nil {
		return nil, err
	}
	observable, ok := run.(*interpreter.ObservableInterpretable)
	if !ok {
		return nil, errors.New("its cost cannot be counted")
	}
	return observable, nil
}

// identifiers are the names that an expression uses.
func identifiers(checked *ast.AST) map[string]bool {
	out := map[string]bool{}
	ast.PostOrderVisit(checked.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.IdentKind {
			out[e.AsIdent()] = true
		}
	}))
	return out
}

// eval runs the expression, and says what it cost. The error says what an
// author can mend.
func (e *expression) eval(vars map[string]any) (out ref.Val, cost uint64, err error) {
	var spent *interpreter.CostTracker
	defer func() {
		if spent != nil {
			cost = spent.ActualCost()
		}
		if r := recover(); r != nil {
			// Whatever happens within an expression denies, and ends no daemon.
			err = fmt.Errorf("internal error: %v", r)
			if stop, ok := r.(interpreter.EvalCancelledError); ok && stop.Cause == interpreter.CostLimitExceeded {
				err = fmt.Errorf("it costs more than %d", uint64(limit.PolicyCost))
			}
		}
	}()
	frame, err := interpreter.NewExecutionFrame(vars)
	if err != nil {
		return nil, 0, err
	}
	defer frame.Close()
	out = e.run.ObserveExec(frame, func(seen any) {
		if t, ok := seen.(*interpreter.CostTracker); ok {
			spent = t
		}
	})
	if bad, ok := out.(*types.Err); ok {
		return nil, 0, bad
	}
	if types.IsUnknown(out) {
		return nil, 0, errors.New("it is unknown")
	}
	return out, 0, nil
}

// holds runs an expression that is true or false.
func (e *expression) holds(vars map[string]any) (bool, uint64, error) {
	out, cost, err := e.eval(vars)
	if err != nil {
		return false, cost, err
	}
	b, ok := out.(types.Bool)
	if !ok {
		return false, cost, fmt.Errorf("it is %s, not true or false", out.Type().TypeName())
	}
	return bool(b), cost, nil
}

var undeclared = regexp.MustCompile(`\Aundeclared reference to '([^']*)'`)

// mistakes are the errors of cel-go in our words, the first of each place.
func mistakes(on On, errs *common.Errors) []mistake {
	var out []mistake
	if errs == nil {
		return nil
	}
	for _, e := range errs.GetErrors() {
		m := mistake{text: plain(e.Message), line: max(e.Location.Line(), 1), col: max(e.Location.Column(), 0)}
		if found := undeclared.FindStringSubmatch(e.Message); found != nil {
			names := namesOf(on)
			m.text = fmt.Sprintf("there is no variable or function %q", found[1])
			if m.hint = problem.DidYouMean(found[1], names); m.hint == "" {
				m.hint = "known here: " + strings.Join(names, ", ")
			}
		}
		if !slices.ContainsFunc(out, func(o mistake) bool { return o.line == m.line && o.col == m.col }) {
			out = append(out, m)
		}
	}
	return out
}

func namesOf(on On) []string {
	var out []string
	for _, v := range variables[on] {
		out = append(out, v.name)
	}
	return out
}

// plain is a message of cel-go on one line, beginning small.
func plain(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		return "it is no expression"
	}
	return strings.ToLower(text[:1]) + text[1:]
}
