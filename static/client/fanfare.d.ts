// Types of fanfare.js.

/** A place in a room: `seq` counts from 1 within an `epoch`, one life of the room. */
export interface Position {
  epoch: string;
  seq: number;
}

export interface User {
  userId: string;
  username: string;
}

export interface Message extends Position {
  room: string;
  /** The sender's own name for it. */
  id: string;
  /**
   * `delete` takes away the text of the message whose number is in `deletes`; when that one is read
   * again, it is `deleted`.
   */
  type: "chat" | "delete" | "deleted";
  text: string;
  deletes?: number;
  userId: string;
  username: string;
  /** When it was taken; of one's own, until it is read again, when it was written. */
  at: Date;
  /** Whether this session sent it. */
  own: boolean;
}

export interface Unsettled {
  id: string;
  text: string;
  at: Date;
}

/** `retryAt` is in milliseconds since 1970. */
export type State =
  | { name: "closed" | "connecting" | "catching-up" | "live" }
  | { name: "offline"; retryAt: number };

export interface Events {
  /** The client's state has changed. */
  state: State;
  /** The next message of a room: each once, in order, one's own included. */
  message: Message;
  /** Messages that cannot be had: no longer kept, or of a room that was started anew. */
  gap:
    | { room: string; reason: "expired"; from: number; to: number }
    | { room: string; reason: "epoch" };
  /** Members that joined and left since the last one; names are told in small rooms only. */
  presence: { room: string; members: number; joined: User[]; left: User[] };
  /** A signal of another member. */
  signal: { room: string; data: unknown; from: User };
  /** A message of one's own waits to be settled, from now on over reloads too. */
  sent: Unsettled & { room: string };
  /** It has its number, or is refused for good. */
  settled: { room: string; id: string } & (Position | { error: FanfareError });
  /** The server has put this user out of a room: the code is `kicked`, `banned` or `forbidden`. */
  out: { room: string; error: FanfareError };
  /** A request of this user as a moderator has been carried out. */
  moderated: { room: string; action: string; userId?: string; seq?: number };
  /** The server tells this user something, outside of every room. */
  notice: { id: string; text: string; at: Date; from: User };
  /** Something else was refused. */
  error: { room?: string; error: FanfareError };
}

/**
 * Something was refused. `code` is one of docs/protocol.md, or one of this library's:
 * `queue_full`, `left`, `kicked`, `closed`, `no_token`.
 */
export class FanfareError extends Error {
  readonly code: string;
  readonly retry: "never" | "later" | "reconnect";
  /** Seconds, where the server knows. */
  readonly retryAfter?: number;
}

export interface Room {
  readonly name: string;
  /** Number of connections in the room. */
  readonly members: number;
  /** Up to where everything has been delivered; null before the room is joined first. */
  readonly position: Position | null;
  /** Whether everything up to now has been delivered. */
  readonly complete: boolean;
  /** One's own messages that are not settled, oldest first. */
  readonly unsettled: Unsettled[];
  /**
   * Says something, now or as soon as there is a connection.
   *
   * The promise is settled by the message's number. It is rejected when the message is refused for
   * good (with the server's code), when 200 are waiting already (`queue_full`), when the room is
   * left (`left`), or when the client is closed (`closed`: it is kept for the next client).
   */
  send(text: string): Promise<Position>;
  /** Reads a page of the past, oldest first: the newest messages, or those below `before`. */
  history(which?: { before?: number; limit?: number }): Promise<{
    messages: Message[];
    /** Whether there are older ones. */
    more: boolean;
  }>;
  /** Tells the others something that is not kept, and may get lost. */
  signal(data: unknown): void;
  /** Whether this user is a moderator: may call the next four. */
  readonly moderator: boolean;
  /** Puts a user out, who may come back. These four are answered by `moderated` or `error`. */
  kick(userId: string): void;
  /** Puts a user out for so many seconds; 0 lets one in again. */
  ban(userId: string, seconds: number): void;
  /** Lets a user only listen for so many seconds; 0 lets one speak again. */
  mute(userId: string, seconds: number): void;
  /** Takes a message's text away, for everybody. */
  delete(message: Position): void;
  /** Reads a page of the members; give the `next` of one to get the one after it. */
  who(next?: string): Promise<{ members: User[]; next?: string }>;
}

/** The part of a WebSocket that is used. */
export interface SocketLike {
  readonly readyState: number;
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

/** The part of the Web Storage API that is used. */
export type StorageLike = Pick<Storage, "getItem" | "setItem">;

/** Source of time; `window` has this shape, but for `now` (milliseconds since 1970). */
export interface Clock {
  now(): number;
  setTimeout(act: () => void, ms: number): any;
  clearTimeout(id: any): void;
}

/** Returns so many random bytes. */
export type Random = (count: number) => Uint8Array;

export interface Options {
  /** Of the WebSocket API. */
  url: string | URL;
  /** The name that others see; a token replaces it. */
  username?: string;
  /**
   * For servers that want one: a JSON Web Token, or a function that gets one. The function is asked
   * for each new connection, and when the server says that the token ends soon. When it fails there
   * is an `error` with the code `no_token`, and it is asked again later.
   */
  token?: string | (() => string | Promise<string>);
  /** 16 to 64 characters of `A–Z a–z 0–9 - _`, instead of the kept one or a new one. */
  session?: string;
  socket?: (url: string, protocols: string[]) => SocketLike;
  clock?: Clock;
  random?: Random;
  /** Keeps the session, the rooms' positions and unsettled messages, such as `sessionStorage`. */
  storage?: StorageLike | null;
}

/** Takes part in rooms over one lasting connection. Once closed, it is not used again. */
export class Fanfare {
  constructor(options: Options);
  readonly state: State;
  /** The rooms that the storage knows from before, and those joined since. */
  readonly remembered: string[];
  /** Calls a listener with each event of a type, until the returned function is called. */
  on<Type extends keyof Events>(type: Type, listener: (event: Events[Type]) => void): () => void;
  connect(): void;
  close(): void;
  /** The network may have changed: ends a wait, or finds out whether the connection lives. */
  check(): void;
  /** Settled when the room is complete; rejected when it is refused for good, left or closed. */
  join(name: string): Promise<Room>;
  leave(name: string): void;
  /** A room that was asked for with `join`, complete or not. */
  room(name: string): Room | undefined;
}

/** The most that the server takes as one message's text, in bytes. */
export const MESSAGE_LIMIT: number;

/** Bytes that a text takes of `MESSAGE_LIMIT`. */
export function messageSize(text: string): number;
