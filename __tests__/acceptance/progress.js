/** Reports each test as soon as it ends, with what failed: Jest's own reporter waits for the end of the file. */
module.exports = class Progress {
  onTestCaseResult(_test, { status, fullName, duration = 0, failureMessages }) {
    const time = new Date().toTimeString().slice(0, 8);
    const line = `lab: ${time}: ${status}: ${fullName} (${Math.round(duration / 1000)} s)`;
    const failures = failureMessages.map((message) => message.replace(/\n +at .*node_modules.*/g, ""));
    process.stderr.write([line, ...failures, ""].join("\n"));
  }
};
