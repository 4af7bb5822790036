import type { Database as Ours } from './types/database.js';
import type { Database as Theirs } from './cli.js';
import type { Answers, Arguments, Columns, Filled, Wider, WiderAnswers, Written } from './overrides.js';

type Tables<D extends { public: { Tables: unknown } }> = D['public']['Tables'];
type Functions<D extends { public: { Functions: unknown } }> = D['public']['Functions'];
type Assignable<A, B> = [A] extends [B] ? true : false;
type Same<A, B> = Assignable<A, B> extends true ? Assignable<B, A> : false;
type Of<List, Name> = Name extends keyof List ? List[Name] : {};
type Names<List, Name> = Name extends keyof List ? List[Name] & PropertyKey : never;
/** A type with members of another one in the place of its own; what may be left out stays so. */
type With<A, O> = { [K in keyof A]: K extends keyof O ? O[K] : A[K] };
type Every<Checks> = { [K in keyof Checks]: Checks[K] extends true ? never : K }[keyof Checks];
declare function every<_ extends never>(): void;
declare function same<_ extends true>(): void;

same<Same<keyof Tables<Ours>, keyof Tables<Theirs>>>();
same<Same<keyof Functions<Ours>, keyof Functions<Theirs>>>();

type Table = keyof Tables<Ours> & keyof Tables<Theirs>;
type Row<D, N extends Table> = D extends { public: { Tables: Record<N, { Row: infer R }> } } ? R : 'no row';
type Insert<D, N extends Table> = D extends { public: { Tables: Record<N, { Insert: infer R }> } } ? R : 'no insert';
type Update<D, N extends Table> = D extends { public: { Tables: Record<N, { Update: infer R }> } } ? R : 'no update';
type Written_<N> = Omit<Of<Columns, N>, keyof Of<Written, N>> & Of<Written, N>;

// Ours is assignable to theirs.
every<Every<{ [N in Table]: Assignable<Omit<Row<Ours, N>, Names<Wider, N>>, Omit<Row<Theirs, N>, Names<Wider, N>>> }>>();
every<Every<{ [N in Table]: Assignable<Omit<Insert<Ours, N>, Names<Wider, N> | Names<Filled, N>>, Omit<Insert<Theirs, N>, Names<Wider, N> | Names<Filled, N>>> }>>();
every<Every<{ [N in Table]: Assignable<Omit<Update<Ours, N>, Names<Wider, N>>, Omit<Update<Theirs, N>, Names<Wider, N>>> }>>();
// Theirs, with what is listed, to ours.
every<Every<{ [N in Table]: Assignable<With<Row<Theirs, N>, Of<Columns, N>>, Row<Ours, N>> }>>();
every<Every<{ [N in Table]: Assignable<With<Insert<Theirs, N>, Written_<N>>, Insert<Ours, N>> }>>();
every<Every<{ [N in Table]: Assignable<With<Update<Theirs, N>, Written_<N>>, Update<Ours, N>> }>>();
every<Every<{ [N in Table]: Same<Tables<Ours>[N]['Relationships'], Tables<Theirs>[N]['Relationships']> }>>();

type Function = keyof Functions<Ours> & keyof Functions<Theirs>;
type Args<D, N extends Function> = D extends { public: { Functions: Record<N, { Args: infer A }> } } ? A : 'no arguments';
type Answer<D, N extends Function> = D extends { public: { Functions: Record<N, { Returns: infer A }> } } ? A : 'no answer';
type Setof<D, N extends Function> = D extends { public: { Functions: Record<N, { SetofOptions: infer A }> } } ? A : 'none';
type Row_<A> = A extends Row<Theirs, 'training_jobs'>[] ? 'jobs' : A extends Row<Theirs, 'training_jobs'> ? 'job'
  : A extends Row<Theirs, 'model_artifacts'> ? 'model' : A extends Row<Theirs, 'cost_records'> ? 'cost' : A;

every<Every<{ [N in Function]: Assignable<Args<Ours, N>, Args<Theirs, N>> }>>();
every<Every<{ [N in Function]: Assignable<With<Args<Theirs, N>, Of<Arguments, N>>, Args<Ours, N>> }>>();
every<Every<{ [N in Exclude<Function, WiderAnswers>]: Assignable<Answer<Ours, N>, Answer<Theirs, N>> }>>();
// Rows were compared above: theirs are written out at each function.
every<Every<{ [N in Exclude<Function, WiderAnswers>]:
  Assignable<N extends keyof Answers ? Answers[N] : Row_<Answer<Theirs, N>>, N extends keyof Answers ? Answer<Ours, N> : Row_<Answer<Ours, N>>> }>>();
every<Every<{ [N in Function]: Same<Setof<Ours, N>, Setof<Theirs, N>> }>>();
