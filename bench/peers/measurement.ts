/** Ways to bring the service up on the same machines. */
export const contenders = {
  limit: "the commands by bare `ssh`",
  ansible: "the commands by Ansible",
  up: "`pulumi up`",
} as const;

export type Contender = keyof typeof contenders;

/** When a command ran, in milliseconds. */
export interface Ran {
  /** Its resource's name. */
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

export interface Peers {
  readonly where: string;
  /** Such as `ansible-playbook [core 2.14.18]`. */
  readonly ansible: string;
  /** How many commands there are. */
  readonly commands: number;
  /** How long each run took, in milliseconds. */
  readonly took: Readonly<Record<Contender, readonly number[]>>;
}
