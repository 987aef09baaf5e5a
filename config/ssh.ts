import type { Problems } from "./problems";
import { flag, tcpPort, text, type Group } from "./rules";
import type { ConfigSource } from "./source";

export const sshGroup = {
  heading: "SSH to the nodes",
  keys: {
    sshUser: {
      ...text("a login name", "root", /^[a-z_][\w.-]*$/),
      default: "root",
      description: "Login user on the nodes: root, or a user with password-less sudo.",
    },
    sshPort: { ...tcpPort, default: 22, description: "TCP port of sshd on the nodes." },
    sshPrivateKeyFile: {
      ...text("the path of a private key", "~/.ssh/id_rsa"),
      description: "Path of a private key without a passphrase that every node accepts; an RSA key for sles11.",
    },
    requireHostKeys: {
      ...flag(false),
      default: false,
      description:
        "Whether each node must have a sshHostKey. false: for a node without one, the program accepts the key that it shows first, keeps it in the stack's state and refuses any other one.",
    },
  },
} as const satisfies Group;

/**
 * Refuses an SSH agent that is gone, as in a terminal that outlives its login. The program needs no agent, but Pulumi's command
 * plugin asks one that the environment names, and fails every step without its answer.
 */
export function checkAgent(
  { environment, readFile }: Pick<ConfigSource, "environment" | "readFile">,
  problems: Problems,
): void {
  const socket = environment.SSH_AUTH_SOCK;
  if (!socket) {
    return;
  }
  try {
    readFile(socket);
  } catch (error) {
    // A socket exists, but can't be read as a file.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      problems.refuseVariable("SSH_AUTH_SOCK", socket, "must name the socket of an SSH agent that runs, or be unset");
    }
  }
}
