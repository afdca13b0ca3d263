import type { User } from '../api/types';
import { Store } from '../lib/store';
import type { Readable } from '../lib/store';

const AT_ONCE = 4;

/** Users by id, as far as anything has named them; asks for those that a view needs and nobody has named. */
export class People {
  private readonly store = new Store<ReadonlyMap<string, User>>(new Map());
  private readonly asked = new Set<string>();
  private readonly queue: string[] = [];
  private running = 0;

  private readonly ask: (id: string) => Promise<User>;

  constructor(ask: (id: string) => Promise<User>) {
    this.ask = ask;
  }

  get byId(): Readable<ReadonlyMap<string, User>> {
    return this.store;
  }

  learn(users: readonly User[]): void {
    if (users.length === 0) return;
    this.store.update((known) => new Map([...known, ...users.map((user) => [user.id, user] as const)]));
  }

  need(ids: readonly string[]): void {
    for (const id of ids) {
      if (this.store.get().has(id) || this.asked.has(id)) continue;
      this.asked.add(id);
      this.queue.push(id);
    }
    this.run();
  }

  clear(): void {
    this.queue.length = 0;
    this.asked.clear();
    this.store.set(new Map());
  }

  private run(): void {
    while (this.running < AT_ONCE) {
      const id = this.queue.shift();
      if (id === undefined) return;
      this.running += 1;
      void this.ask(id)
        .then(
          (user) => {
            this.learn([user]);
          },
          () => {
            // Asked again when the next view needs the name; until then it shows a placeholder.
            this.asked.delete(id);
          },
        )
        .finally(() => {
          this.running -= 1;
          this.run();
        });
    }
  }
}

export const nameOf = (user: User | undefined): string => {
  if (user === undefined) return 'Someone';
  return user.display_name === '' ? user.username : user.display_name;
};
