/** A repository to mirror, as SMT knows it. */
export interface Repository {
  readonly name: string;
  /** Distribution and architecture, such as `sle-11-x86_64`; not given for a repository that has none. */
  readonly target?: string;
  /** Where it comes from, for a repository that upstream does not list. */
  readonly custom?: {
    /** Number of the product whose clients get it. */
    readonly productId: number;
    readonly description: string;
    readonly url: string;
  };
}
