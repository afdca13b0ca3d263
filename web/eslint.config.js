import js from '@eslint/js';
import hooks from 'eslint-plugin-react-hooks';
import globals from 'globals';
import tseslint from 'typescript-eslint';

/** Imports point one way: app -> features -> components -> realtime -> api -> lib. Features do not know each other. */
const mayNotImport = (files, folders, message, names = []) => ({
  files,
  rules: {
    'no-restricted-imports': [
      'error',
      {
        paths: names.map((name) => ({ name, message })),
        patterns: [{ group: folders.map((folder) => `**/${folder}/**`), message }],
      },
    ],
  },
});
const features = ['auth', 'rooms', 'timeline', 'composer', 'members'];

export default tseslint.config(
  { ignores: ['dist', 'node_modules'] },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      globals: globals.browser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { 'react-hooks': hooks },
    rules: {
      ...hooks.configs.recommended.rules,
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      eqeqeq: ['error', 'always'],
      'no-console': 'error',
    },
  },
  mayNotImport(['src/lib/**'], ['api', 'realtime', 'components', 'features', 'app'], 'lib stands on nothing of ours.'),
  mayNotImport(['src/api/**'], ['realtime', 'components', 'features', 'app'], 'api knows only lib.'),
  mayNotImport(
    ['src/realtime/**'],
    ['components', 'features', 'app'],
    'The sync engine is plain TypeScript: it knows neither views nor React.',
    ['react', 'react-dom'],
  ),
  { files: ['src/realtime/use-snapshot.ts'], rules: { 'no-restricted-imports': 'off' } },
  mayNotImport(['src/components/**'], ['features', 'app'], 'Components are shared: they know no feature.'),
  ...features.map((name) =>
    mayNotImport(
      [`src/features/${name}/**`],
      ['app', ...features.filter((other) => other !== name).map((other) => `features/${other}`)],
      'A feature knows neither another feature nor the app.',
    ),
  ),
  { files: ['**/*.test.{ts,tsx}', 'src/testing/**'], rules: { '@typescript-eslint/no-non-null-assertion': 'off' } },
  { files: ['*.js'], extends: [tseslint.configs.disableTypeChecked] },
);
