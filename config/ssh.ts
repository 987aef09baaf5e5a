import { flag, tcpPort, text, type Group } from "./rules";

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
