// Command suite runs the test suites that .ci/suites lists and ends with a table of suite, tests and
// seconds, and under it one line "N passed, N failed".
//
//	go run ./.ci/suite [-root DIR] [-logs DIR] [PART or SUITE …]
//
// It exists since `go test` is content with less than a project should be: a test that skipped, a
// package whose tests were deleted, a suite nobody runs any more all look green there. Here a run
// fails when
//
//   - a test failed, skipped, or began and did not end (a panic, os.Exit, the time limit),
//   - a package did not build, or failed outside any test,
//   - a suite ran fewer tests than the table says,
//   - a package with tests is in no suite, or in two.
//
// What counts as one test: a test function without subtests, or each innermost subtest; a fuzz target
// counts once, whatever its corpus holds. A command's tests are its lines "ok NAME" and "not ok NAME".
//
// Suites marked "beside" run two at a time, those marked "alone" one after the other when the rest is
// done. Each suite's full output is kept in the log folder.
//
// Not promised: the order in which suites that run side by side end.
package main
