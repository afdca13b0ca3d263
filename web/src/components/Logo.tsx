/** A rabbit that is also the door of its burrow. */
export function Logo({ size = 28 }: { size?: number }) {
  return (
    <svg className="logo" width={size} height={size} viewBox="5 3.500 22 25" aria-hidden="true">
      <path
        fill="currentColor"
        d="M11.2 13.5C9.4 9.6 9.3 5.6 10.9 5.1c1.7-.5 3.6 3.3 4.2 7.3h1.8c.6-4 2.5-7.8 4.2-7.3 1.6.5 1.5 4.500-.3 8.400 2.500 1.500 4 4 4 7V26a1.500 1.500 0 0 1-1.500 1.500H8.700A1.500 1.500 0 0 1 7.200 26v-5.500c0-3 1.500-5.500 4-7Z"
      />
      <path className="logo-door" d="M11.800 27.500V22a4.200 4.200 0 0 1 8.400 0v5.500Z" />
    </svg>
  );
}
