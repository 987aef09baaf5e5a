import { FakeSsh } from "./fakeSsh";

/** For each test of a file: nodes that answer by the stand-in for ssh, and what a command of `cli/` prints meanwhile. */
export function commandOnNodes(): { ssh: FakeSsh; stdout: string } {
  const terminal = { stdout: "" } as { ssh: FakeSsh; stdout: string };
  beforeEach(() => {
    terminal.ssh = new FakeSsh();
    terminal.stdout = "";
    jest.spyOn(process.stdout, "write").mockImplementation((text) => Boolean((terminal.stdout += String(text))));
  });
  afterEach(() => {
    jest.restoreAllMocks();
    terminal.ssh.remove();
  });
  return terminal;
}
