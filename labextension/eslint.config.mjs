import js from '@eslint/js';
import tseslint from 'typescript-eslint';

// What reads like a text for people: a word with a capital letter, or two words in a row.
const WORDS =
  '/^(?!CodeFace(?:: )?$|True$|False$)[A-Z][a-z]+(?:[ ,.:…]|$)|(?:^| )[a-z]{2,} [a-z]{2,}/';
const SHOWN = '/^(?:textContent|title|placeholder|alt|label|caption|message|ariaLabel)$/';
const TRANSLATED = 'CallExpression[callee.property.name=/^_(?:_|n|p|np)$/]';
const UNSEEN = [
  'ImportDeclaration',
  'TSLiteralType',
  'SwitchCase',
  'BinaryExpression[operator=/^[!=]==$/]',
  'Property[key.name="description"]',
  'NewExpression[callee.name="Token"]'
];
const untranslated = [
  `Literal[value=${WORDS}]:not(${[TRANSLATED, ...UNSEEN].map(where => `${where} > *`)})`,
  `TemplateElement[value.raw=${WORDS}]`,
  `Property[key.name=${SHOWN}] > Literal[value=/[a-z]/][value!="CodeFace"]`,
  `AssignmentExpression[left.property.name=${SHOWN}] > Literal[value=/[a-z]/]`,
  'CallExpression[callee.property.name="setAttribute"][arguments.0.value="aria-label"] > Literal:nth-child(2)'
];

export default tseslint.config(
  { ignores: ['lib', 'node_modules', 'coverage'] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  {
    files: ['src/**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeCheckedOnly],
    languageOptions: { parserOptions: { projectService: true } },
    // Lumino's signals take a method and its object.
    rules: {
      '@typescript-eslint/unbound-method': 'off',
      'no-restricted-syntax': [
        'error',
        ...untranslated.map(selector => ({ selector, message: 'Have this text translated.' }))
      ]
    }
  },
  {
    rules: {
      '@typescript-eslint/naming-convention': [
        'error',
        { selector: 'interface', format: ['PascalCase'], prefix: ['I'] },
        {
          selector: 'memberLike',
          modifiers: ['private'],
          format: ['camelCase'],
          leadingUnderscore: 'require'
        }
      ],
      // JupyterLab's own pattern: a class and its options under one name.
      '@typescript-eslint/no-namespace': 'off',
      '@typescript-eslint/no-explicit-any': 'error',
      'no-console': 'error'
    }
  }
);
